-- The months of the window, and the next one, so that no hourly run meets a missing partition.
SELECT ensure_metrics_partitions(%(window_start)s, %(window_end)s + interval '1 month')
