,
written AS (
    INSERT INTO metrics AS stored (
        "timestamp", instance_id, cpu_utilization, cpu_utilization_max, sample_count,
        network_in, network_out
    )
    SELECT
        "timestamp", instance_id, cpu_utilization, cpu_utilization_max, sample_count,
        network_in, network_out
    FROM changed
    ORDER BY "timestamp", instance_id  -- one order for every run: overlapping ones cannot deadlock
    ON CONFLICT ("timestamp", instance_id) DO UPDATE SET
        cpu_utilization = coalesce(excluded.cpu_utilization, stored.cpu_utilization),
        cpu_utilization_max = coalesce(excluded.cpu_utilization_max, stored.cpu_utilization_max),
        sample_count = coalesce(excluded.sample_count, stored.sample_count),
        network_in = coalesce(excluded.network_in, stored.network_in),
        network_out = coalesce(excluded.network_out, stored.network_out)
    -- An overlapping run may have stored the same values since the probe.
    WHERE stored.cpu_utilization IS DISTINCT FROM coalesce(excluded.cpu_utilization, stored.cpu_utilization)
    OR stored.cpu_utilization_max IS DISTINCT FROM coalesce(excluded.cpu_utilization_max, stored.cpu_utilization_max)
    OR stored.sample_count IS DISTINCT FROM coalesce(excluded.sample_count, stored.sample_count)
    OR stored.network_in IS DISTINCT FROM coalesce(excluded.network_in, stored.network_in)
    OR stored.network_out IS DISTINCT FROM coalesce(excluded.network_out, stored.network_out)
    RETURNING "timestamp", instance_id
)
SELECT
    instance_id,
    count(*) FILTER (WHERE NOT known) AS inserted,
    count(*) FILTER (WHERE known) AS updated
FROM written
JOIN changed USING ("timestamp", instance_id)
GROUP BY instance_id
