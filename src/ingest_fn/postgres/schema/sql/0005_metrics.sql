ALTER TABLE metrics
    ADD COLUMN network_in_max double precision,
    ADD COLUMN network_out_max double precision,
    ADD COLUMN memory_utilization_max real,
    ADD COLUMN ebs_read_bytes double precision,
    ADD COLUMN ebs_read_bytes_max double precision,
    ADD COLUMN ebs_read_ops double precision,
    ADD COLUMN ebs_read_ops_max double precision,
    ADD COLUMN ebs_write_bytes double precision,
    ADD COLUMN ebs_write_bytes_max double precision,
    ADD COLUMN ebs_write_ops double precision,
    ADD COLUMN ebs_write_ops_max double precision,
    ADD COLUMN ebs_io_balance_min real,
    ADD COLUMN ebs_byte_balance_min real,
    ADD COLUMN cpu_credit_balance_min real,
    ADD COLUMN cpu_surplus_credits_charged real,
    ADD COLUMN status_check_failed real;

COMMENT ON COLUMN metrics.network_in_max IS
    'Bytes received in the busiest sample of the hour, 1 or 5 minutes.';
COMMENT ON COLUMN metrics.network_out_max IS
    'Bytes sent in the busiest sample of the hour, 1 or 5 minutes.';
COMMENT ON COLUMN metrics.memory_utilization_max IS
    'Memory in percent, maximum of the hour''s samples.';
COMMENT ON COLUMN metrics.ebs_read_bytes IS 'Bytes read on EBS volumes in the hour.';
COMMENT ON COLUMN metrics.ebs_read_bytes_max IS
    'Bytes read on EBS volumes in the busiest sample of the hour.';
COMMENT ON COLUMN metrics.ebs_read_ops IS 'Operations that read from EBS volumes in the hour.';
COMMENT ON COLUMN metrics.ebs_read_ops_max IS
    'Operations that read from EBS volumes in the busiest sample of the hour.';
COMMENT ON COLUMN metrics.ebs_write_bytes IS 'Bytes written on EBS volumes in the hour.';
COMMENT ON COLUMN metrics.ebs_write_bytes_max IS
    'Bytes written on EBS volumes in the busiest sample of the hour.';
COMMENT ON COLUMN metrics.ebs_write_ops IS 'Operations that wrote to EBS volumes in the hour.';
COMMENT ON COLUMN metrics.ebs_write_ops_max IS
    'Operations that wrote to EBS volumes in the busiest sample of the hour.';
COMMENT ON COLUMN metrics.ebs_io_balance_min IS
    'What was left of the credits for EBS operations, minimum of the hour.';
COMMENT ON COLUMN metrics.ebs_byte_balance_min IS
    'What was left of the credits for EBS throughput, minimum of the hour.';
COMMENT ON COLUMN metrics.cpu_credit_balance_min IS
    'CPU credits that were left, minimum of the hour. One is a vCPU for a minute.';
COMMENT ON COLUMN metrics.cpu_surplus_credits_charged IS
    'CPU credits that were spent beyond the earned ones and are charged for.';
COMMENT ON COLUMN metrics.status_check_failed IS
    '1 where a status check failed in the hour. A broken machine looks idle.';

ALTER TABLE instance_types ADD COLUMN ebs_maximum_mbps double precision;

COMMENT ON COLUMN instance_types.ebs_maximum_mbps IS
    'EBS bandwidth in Mbit/s for a while; more than the baseline on small sizes only.';
