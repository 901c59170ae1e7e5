SELECT
    instance_id,
    count(*) FILTER (WHERE NOT known) AS inserted,
    count(*) FILTER (WHERE known) AS updated
FROM changed
GROUP BY instance_id
