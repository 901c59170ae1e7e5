-- The hours of every machine in a window, one row per machine: numbers of hours counted from the
-- start, and the values of each. Network is bytes in and out; NULL where either is unknown.
SELECT
    instances.instance_id,
    array_agg((extract(epoch FROM metrics."timestamp" - %(start)s) / 3600)::integer) AS hours,
    array_agg(metrics.cpu_utilization) AS cpu,
    array_agg(metrics.cpu_utilization_max) AS cpu_max,
    array_agg(metrics.network_in + metrics.network_out) AS network,
    array_agg(metrics.memory_utilization) AS memory
FROM metrics
JOIN instances ON instances.id = metrics.instance_id
WHERE metrics."timestamp" >= %(start)s AND metrics."timestamp" < %(end)s
GROUP BY instances.instance_id
