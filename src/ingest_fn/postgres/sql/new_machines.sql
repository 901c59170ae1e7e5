INSERT INTO instances (
    instance_id, region, account_id, name, instance_type, state, launched_at, availability_zone,
    platform, lifecycle, architecture, tags
)
SELECT
    instance_id, %(region)s, %(account_id)s, name, instance_type, state, to_timestamp(launched_at),
    availability_zone, platform, lifecycle, architecture, tags
FROM jsonb_to_recordset(%(machines)s::jsonb) AS machine (
    instance_id text,
    name text,
    instance_type text,
    state text,
    launched_at double precision,
    availability_zone text,
    platform text,
    lifecycle text,
    architecture text,
    tags jsonb
)
ORDER BY instance_id
RETURNING instance_id, id
