SELECT drop_metrics_partitions(%(window_end)s, %(retention_months)s)
