-- The rows of one batch that Postgres does not have yet, or has otherwise. What is stored is read
-- an hour at a time, all instances of the batch in one pass over the primary key: their keys lie
-- side by side. OFFSET 0 keeps the planner from turning that into a scan of the table.
-- A value that CloudWatch did not send (NaN here) leaves the stored one as it is.
WITH incoming AS (
    SELECT
        "timestamp",
        instance_id,
        nullif(cpu_utilization, 'NaN') AS cpu_utilization,
        nullif(cpu_utilization_max, 'NaN') AS cpu_utilization_max,
        nullif(sample_count, 'NaN')::smallint AS sample_count,
        nullif(network_in, 'NaN') AS network_in,
        nullif(network_out, 'NaN') AS network_out
    FROM unnest(
        %(hour)s, %(instance)s, %(cpu_utilization)s, %(cpu_utilization_max)s, %(sample_count)s,
        %(network_in)s, %(network_out)s
    ) AS column_of (
        "timestamp", instance_id, cpu_utilization, cpu_utilization_max, sample_count,
        network_in, network_out
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
    OR stored.cpu_utilization IS DISTINCT FROM coalesce(incoming.cpu_utilization, stored.cpu_utilization)
    OR stored.cpu_utilization_max IS DISTINCT FROM coalesce(incoming.cpu_utilization_max, stored.cpu_utilization_max)
    OR stored.sample_count IS DISTINCT FROM coalesce(incoming.sample_count, stored.sample_count)
    OR stored.network_in IS DISTINCT FROM coalesce(incoming.network_in, stored.network_in)
    OR stored.network_out IS DISTINCT FROM coalesce(incoming.network_out, stored.network_out)
)
