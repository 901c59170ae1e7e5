-- The rows of one batch that Postgres does not have yet, or has otherwise. Each is probed by its
-- primary key; OFFSET 0 keeps the planner from turning the probes into a scan of the table.
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
changed AS MATERIALIZED (
    SELECT incoming.*, stored.instance_id IS NOT NULL AS known
    FROM incoming
    LEFT JOIN LATERAL (
        SELECT *
        FROM metrics
        WHERE metrics."timestamp" = incoming."timestamp"
        AND metrics.instance_id = incoming.instance_id
        OFFSET 0
    ) AS stored ON true
    WHERE stored.instance_id IS NULL
    OR stored.cpu_utilization IS DISTINCT FROM coalesce(incoming.cpu_utilization, stored.cpu_utilization)
    OR stored.cpu_utilization_max IS DISTINCT FROM coalesce(incoming.cpu_utilization_max, stored.cpu_utilization_max)
    OR stored.sample_count IS DISTINCT FROM coalesce(incoming.sample_count, stored.sample_count)
    OR stored.network_in IS DISTINCT FROM coalesce(incoming.network_in, stored.network_in)
    OR stored.network_out IS DISTINCT FROM coalesce(incoming.network_out, stored.network_out)
)
