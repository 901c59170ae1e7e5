UPDATE instances
SET
    region = %(region)s,
    account_id = %(account_id)s,
    name = machine.name,
    instance_type = machine.instance_type,
    state = machine.state,
    launched_at = to_timestamp(machine.launched_at),
    availability_zone = machine.availability_zone,
    platform = machine.platform,
    lifecycle = machine.lifecycle,
    architecture = machine.architecture,
    tags = machine.tags
FROM (
    SELECT changed.*
    FROM jsonb_to_recordset(%(machines)s::jsonb) AS changed (
        id integer,
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
    JOIN instances AS locked ON locked.id = changed.id
    -- Overlapping runs lock in the same order.
    ORDER BY changed.id
    FOR UPDATE OF locked
) AS machine
WHERE instances.id = machine.id
