-- The hours from read_from up to read_until that were never read whole, per known instance.
-- Without a read_from, only those since the instance was first read. Times in epoch seconds.
SELECT
    instances.instance_id,
    extract(epoch FROM lower(range))::bigint AS start,
    extract(epoch FROM upper(range))::bigint AS until
FROM instances
LEFT JOIN read_groups ON read_groups.id = instances.read_group
LEFT JOIN owed_hours ON owed_hours.instance_id = instances.id
CROSS JOIN LATERAL (
    SELECT greatest(
        instances.read_until, read_groups.read_until[instances.read_slot + 1]
    ) AS read_until
) AS mark
CROSS JOIN LATERAL (
    SELECT greatest(%(kept_from)s, coalesce(%(read_from)s, instances.read_from)) AS start
) AS wanted
LEFT JOIN LATERAL unnest(
    tstzmultirange(tstzrange(wanted.start, greatest(wanted.start, %(read_until)s)))
    - (
        tstzmultirange(tstzrange(instances.read_from, mark.read_until))
        - coalesce(owed_hours.not_read, '{}')
        - coalesce(owed_hours.read_failed, '{}')
    )
) AS range ON true
WHERE instances.instance_id = ANY(%(chosen)s::text[])
AND instances.read_from IS NOT NULL
