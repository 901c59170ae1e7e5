-- Missing hours of a window by reason, and of how many machines.
SELECT
    reason,
    (sum(
        extract(epoch FROM least(gap_end, %(end)s) - greatest(gap_start, %(start)s))
    ) / 3600)::bigint AS hours,
    count(DISTINCT instance_id) AS instances
FROM gaps
WHERE gap_end > %(start)s AND gap_start < %(end)s
GROUP BY reason
ORDER BY hours DESC
