INSERT INTO instance_changes (instance_id, valid_from, valid_to, instance_type, state, name)
SELECT
    instance_id, to_timestamp(valid_from), to_timestamp(valid_to), instance_type, state, name
FROM jsonb_to_recordset(%(periods)s::jsonb) AS period (
    instance_id bigint,
    valid_from double precision,
    valid_to double precision,
    instance_type text,
    state text,
    name text
)
ORDER BY instance_id, valid_from
