-- Hours that the chosen instances still owe, as far back as runs heal.
SELECT coalesce(sum(extract(epoch FROM upper(range) - lower(range)) / 3600), 0)::bigint
FROM owed_hours
JOIN instances ON instances.id = owed_hours.instance_id
CROSS JOIN LATERAL unnest(
    (owed_hours.not_read + owed_hours.read_failed)
    * tstzmultirange(tstzrange(%(owed_from)s, %(owed_until)s))
) AS range
WHERE instances.instance_id = ANY(%(chosen)s::text[])
