-- The rows of one batch that Postgres does not have yet, or has with other values. What is stored is
-- read one hour at a time, all instances of the batch in one pass over the primary key: their keys
-- lie next to each other. OFFSET 0 keeps the planner from turning that into a scan of the table.
-- A value that CloudWatch did not send (NaN here) leaves the stored one as it is.
WITH incoming AS (
    SELECT
        "timestamp",
        instance_id,
        nullif(cpu_utilization, 'NaN')::real AS cpu_utilization -- each column
    FROM unnest(
        %(hour)s, %(instance)s,
        %(cpu_utilization)s -- each column
    ) AS column_of (
        "timestamp", instance_id,
        cpu_utilization -- each column
    )
),
stored AS (
    SELECT found.*
    FROM unnest(%(hours)s) AS hours (hour)
    CROSS JOIN LATERAL (
        SELECT metrics.*, true AS known
        FROM metrics
        WHERE metrics."timestamp" = hours.hour AND metrics.instance_id = ANY(%(instances)s)
        OFFSET 0
    ) AS found
),
changed AS MATERIALIZED (
    SELECT incoming.*, stored.known IS NOT NULL AS known
    FROM incoming
    LEFT JOIN stored
        ON stored."timestamp" = incoming."timestamp"
        AND stored.instance_id = incoming.instance_id
    WHERE stored.known IS NULL
    OR stored.cpu_utilization IS DISTINCT FROM coalesce(incoming.cpu_utilization, stored.cpu_utilization) -- each column
),
-- A plain insert takes half the time of one with ON CONFLICT and a third less WAL. Should an
-- overlapping run have stored the row since the probe, the batch is refused as a whole and repeated.
inserted AS (
    INSERT INTO metrics (
        "timestamp", instance_id,
        cpu_utilization -- each column
    )
    SELECT
        "timestamp", instance_id,
        cpu_utilization -- each column
    FROM changed
    WHERE NOT known
    ORDER BY "timestamp", instance_id
    RETURNING instance_id, "timestamp"
),
updated AS (
    INSERT INTO metrics AS stored (
        "timestamp", instance_id,
        cpu_utilization -- each column
    )
    SELECT
        "timestamp", instance_id,
        cpu_utilization -- each column
    FROM changed
    WHERE known
    -- All that is new comes first, and both go by key: overlapping runs cannot deadlock.
    AND (SELECT count(*) FROM inserted) >= 0
    ORDER BY "timestamp", instance_id
    ON CONFLICT ("timestamp", instance_id) DO UPDATE SET
        cpu_utilization = coalesce(excluded.cpu_utilization, stored.cpu_utilization) -- each column
    -- An overlapping run may have stored the same values since the probe.
    WHERE false
    OR stored.cpu_utilization IS DISTINCT FROM coalesce(excluded.cpu_utilization, stored.cpu_utilization) -- each column
    RETURNING instance_id, "timestamp"
)
SELECT
    instance_id,
    count(*) FILTER (WHERE is_new) AS inserted,
    count(*) FILTER (WHERE NOT is_new) AS updated,
    count(*) FILTER (WHERE "timestamp" < %(recent_from)s) AS healed,
    -- By it the client asks whether a COMMIT took effect whose answer was lost.
    pg_current_xact_id_if_assigned()::text AS xid
FROM (
    SELECT instance_id, "timestamp", true AS is_new FROM inserted
    UNION ALL
    SELECT instance_id, "timestamp", false FROM updated
) AS done
GROUP BY instance_id
