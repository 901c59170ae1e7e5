-- What is known of the chosen instances: whether they follow the group, from when on they were
-- read, up to when, and the first hour that they owe since owed_from. Times in epoch seconds.
SELECT
    instances.instance_id,
    instances.id,
    instances.read_slot,
    coalesce(read_groups.name = %(group)s, false) AS member,
    extract(epoch FROM instances.read_from)::bigint AS read_from,
    extract(
        epoch FROM greatest(
            instances.read_until, read_groups.read_until[instances.read_slot + 1]
        )
    )::bigint AS read_until,
    extract(
        epoch FROM lower(
            (owed_hours.not_read + owed_hours.read_failed)
            * tstzmultirange(tstzrange(%(owed_from)s, %(owed_until)s))
        )
    )::bigint AS owes_from
FROM instances
LEFT JOIN read_groups ON read_groups.id = instances.read_group
LEFT JOIN owed_hours ON owed_hours.instance_id = instances.id
WHERE instances.instance_id = ANY(%(chosen)s::text[])
