-- Terminated instances whose last hour is stored. The last hour is the one that the moment before
-- the termination belongs to.
SELECT instances.instance_id
FROM instances
JOIN instance_changes AS last
    ON last.instance_id = instances.id
    AND last.valid_to IS NULL
    AND last.state = 'terminated'
JOIN metrics
    ON metrics."timestamp" = date_trunc('hour', last.valid_from - interval '1 microsecond', 'UTC')
    AND metrics.instance_id = instances.id
WHERE instances.instance_id = ANY(%(instance_ids)s)
