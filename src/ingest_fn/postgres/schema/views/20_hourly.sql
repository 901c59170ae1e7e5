CREATE OR REPLACE VIEW hourly AS
SELECT
    instances.instance_id,
    instances.name,
    coalesce(
        held.instance_type,
        -- Before the history begins: the oldest type that is known.
        (
            SELECT oldest.instance_type
            FROM instance_changes AS oldest
            WHERE oldest.instance_id = instances.id AND oldest.instance_type IS NOT NULL
            ORDER BY oldest.valid_from
            LIMIT 1
        ),
        instances.instance_type
    ) AS instance_type,
    instances.region,
    instances.account_id,
    metrics."timestamp",
    metrics.cpu_utilization,
    metrics.cpu_utilization_max,
    metrics.memory_utilization,
    metrics.network_in,
    metrics.network_out,
    metrics.network_in / 3600 AS network_in_bytes_per_second,
    metrics.network_out / 3600 AS network_out_bytes_per_second,
    metrics.sample_count,
    metrics.memory_utilization_max,
    metrics.network_in_max,
    metrics.network_out_max,
    metrics.ebs_read_bytes,
    metrics.ebs_read_bytes_max,
    metrics.ebs_read_ops,
    metrics.ebs_read_ops_max,
    metrics.ebs_write_bytes,
    metrics.ebs_write_bytes_max,
    metrics.ebs_write_ops,
    metrics.ebs_write_ops_max,
    metrics.ebs_io_balance_min,
    metrics.ebs_byte_balance_min,
    metrics.cpu_credit_balance_min,
    metrics.cpu_surplus_credits_charged,
    metrics.status_check_failed
FROM metrics
JOIN instances ON instances.id = metrics.instance_id
LEFT JOIN instance_changes AS held
    ON held.instance_id = metrics.instance_id
    AND held.valid_from <= metrics."timestamp"
    AND coalesce(held.valid_to, 'infinity') > metrics."timestamp";

COMMENT ON VIEW hourly IS 'metrics with the instance''s id and names, one row per instance and hour.';
COMMENT ON COLUMN hourly.instance_id IS 'EC2''s id.';
COMMENT ON COLUMN hourly.name IS 'Value of the tag Name today.';
COMMENT ON COLUMN hourly.instance_type IS
    'The type at the start of that hour; before the history begins, the oldest that is known.';
COMMENT ON COLUMN hourly.network_in_bytes_per_second IS 'Mean of the hour.';
COMMENT ON COLUMN hourly.network_out_bytes_per_second IS 'Mean of the hour.';

GRANT SELECT ON hourly TO hourmeter_reader;
