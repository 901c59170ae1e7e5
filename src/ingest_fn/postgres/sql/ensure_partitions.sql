-- The months that are read, and the next one, so that no hourly run meets a missing partition.
SELECT ensure_metrics_partitions(%(reads_from)s, %(window_end)s + interval '1 month')
