CREATE TABLE metrics (
    "timestamp" timestamptz NOT NULL,
    network_in double precision,
    network_out double precision,
    instance_id integer NOT NULL,
    cpu_utilization real,
    cpu_utilization_max real,
    memory_utilization real,
    sample_count smallint,
    -- No page needs room to spare: once an hour is stored, no key comes into it any more.
    PRIMARY KEY ("timestamp", instance_id) WITH (fillfactor = 100),
    CONSTRAINT metrics_timestamp_is_a_whole_utc_hour CHECK (
        date_bin('1 hour', "timestamp", '2000-01-01 00:00:00+00'::timestamptz) = "timestamp"
    )
) PARTITION BY RANGE ("timestamp");

COMMENT ON TABLE metrics IS
    'Hourly utilisation, one row per instance and UTC hour, one partition per month. '
    'A value that CloudWatch did not have is NULL, never 0.';
COMMENT ON COLUMN metrics."timestamp" IS 'Start of the hour.';
COMMENT ON COLUMN metrics.instance_id IS
    'instances.id, in four bytes. Not declared as a foreign key, because that would make a first '
    'load a third slower. The ingester writes both rows in one transaction, and a trigger refuses '
    'to delete an instance that has metrics.';
COMMENT ON COLUMN metrics.network_in IS 'Bytes received in the hour (sum).';
COMMENT ON COLUMN metrics.network_out IS 'Bytes sent in the hour (sum).';
COMMENT ON COLUMN metrics.cpu_utilization IS 'Percent of the instance''s vCPUs, mean of the hour.';
COMMENT ON COLUMN metrics.cpu_utilization_max IS 'Percent, maximum of the hour''s samples.';
COMMENT ON COLUMN metrics.memory_utilization IS
    'Percent, mean of the hour; NULL where no CloudWatch agent publishes it.';
COMMENT ON COLUMN metrics.sample_count IS
    'CPU samples that CloudWatch had of the hour: fewer than usual means an incomplete hour.';
