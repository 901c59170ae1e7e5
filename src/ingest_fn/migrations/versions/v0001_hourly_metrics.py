"""Instances, their hourly metrics by month, and the ledger of runs."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANCES = """
CREATE TABLE instances (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id text NOT NULL UNIQUE,
    region text NOT NULL,
    account_id text,
    first_seen_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE instances IS 'EC2 instances, one row each from the first run that asked for them.';
COMMENT ON COLUMN instances.instance_id IS 'EC2''s id, i-0123456789abcdef0.';
COMMENT ON COLUMN instances.region IS 'AWS Region that its metrics are read from.';
COMMENT ON COLUMN instances.account_id IS 'AWS account that it belongs to; NULL: the ingester''s.';
COMMENT ON COLUMN instances.first_seen_at IS 'When the first run asked for it.';
"""

METRICS = """
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
    'Hourly utilisation, one row an instance and UTC hour, one partition a month. '
    'A value that CloudWatch did not have is NULL, never 0.';
COMMENT ON COLUMN metrics."timestamp" IS 'Start of the hour.';
COMMENT ON COLUMN metrics.instance_id IS
    'instances.id, in the four bytes that two thousand million of them fit in. Not declared as a '
    'foreign key, which would cost a third of every first load: the ingester writes both rows in '
    'one transaction, and a trigger keeps instances that have metrics from being deleted.';
COMMENT ON COLUMN metrics.network_in IS 'Bytes received in the hour (sum).';
COMMENT ON COLUMN metrics.network_out IS 'Bytes sent in the hour (sum).';
COMMENT ON COLUMN metrics.cpu_utilization IS 'Percent of the instance''s vCPUs, mean of the hour.';
COMMENT ON COLUMN metrics.cpu_utilization_max IS 'Percent, maximum of the hour''s samples.';
COMMENT ON COLUMN metrics.memory_utilization IS
    'Percent, mean of the hour; NULL where no CloudWatch agent publishes it.';
COMMENT ON COLUMN metrics.sample_count IS
    'CPU samples that CloudWatch had of the hour: fewer than usual means an incomplete hour.';
"""

PARTITIONS = """
CREATE FUNCTION ensure_metrics_partitions(window_start timestamptz, window_end timestamptz)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path FROM CURRENT
AS $$
DECLARE
    month timestamptz := date_trunc('month', window_start, 'UTC');
    next_month timestamptz;
    partition text;
    made integer := 0;
BEGIN
    WHILE month < window_end LOOP
        next_month := date_trunc('month', month + interval '32 days', 'UTC');
        partition := 'metrics_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass(partition) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('ingest_fn.partitions'));
        END IF;
        IF to_regclass(partition) IS NULL THEN
            -- Attaching locks the table against other changes of its shape only, not its writers.
            -- A month fills by hours: its statistics and its visibility map are to keep up with
            -- the newest ones, which by default they would do after a tenth and a fifth of it.
            EXECUTE 'CREATE TABLE ' || quote_ident(partition) || ' (LIKE metrics INCLUDING ALL)'
                || ' WITH (autovacuum_analyze_scale_factor = 0.02,'
                || ' autovacuum_vacuum_insert_scale_factor = 0.05)';
            EXECUTE 'ALTER TABLE metrics ATTACH PARTITION ' || quote_ident(partition)
                || ' FOR VALUES FROM (' || quote_literal(month)
                || ') TO (' || quote_literal(next_month) || ')';
            made := made + 1;
        END IF;
        month := next_month;
    END LOOP;
    RETURN made;
END
$$;

COMMENT ON FUNCTION ensure_metrics_partitions IS
    'Make the monthly partitions of metrics for a window, where missing; returns how many it made.';

CREATE FUNCTION drop_metrics_partitions(window_end timestamptz, retention_months integer)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path FROM CURRENT
SET lock_timeout = '2s'
AS $$
DECLARE
    oldest_kept text := 'metrics_' || to_char(
        date_trunc('month', window_end, 'UTC') AT TIME ZONE 'UTC'
            - make_interval(months => retention_months),
        'YYYY_MM'
    );
    partition name;
    dropped integer := 0;
BEGIN
    IF retention_months < 1 OR retention_months IS NULL OR window_end > now() THEN
        RAISE invalid_parameter_value
            USING MESSAGE = 'retention takes one month or more, counted from a time that is past';
    END IF;
    FOR partition IN
        SELECT pg_class.relname
        FROM pg_inherits
        JOIN pg_class ON pg_class.oid = pg_inherits.inhrelid
        WHERE pg_inherits.inhparent = 'metrics'::regclass
        AND pg_class.relname ~ '^metrics_[0-9]{4}_[0-9]{2}$'
        AND pg_class.relname < oldest_kept
        ORDER BY 1
    LOOP
        EXECUTE 'DROP TABLE ' || quote_ident(partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
EXCEPTION
    WHEN lock_not_available THEN
        RETURN 0;  -- someone reads the table; the next run tries again
END
$$;

COMMENT ON FUNCTION drop_metrics_partitions IS
    'Drop the monthly partitions of metrics that ended more than retention_months before the month '
    'of window_end; returns how many. Waits no longer than two seconds for readers to finish.';

CREATE FUNCTION refuse_to_orphan_metrics() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    IF EXISTS (SELECT FROM metrics WHERE instance_id = OLD.id) THEN
        RAISE foreign_key_violation
            USING MESSAGE = 'instance ' || OLD.instance_id || ' still has rows in metrics';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER refuse_to_orphan_metrics
BEFORE DELETE ON instances
FOR EACH ROW EXECUTE FUNCTION refuse_to_orphan_metrics();
"""

HISTORY = """
CREATE FUNCTION instance_history(
    wanted_instance_id text, window_start timestamptz, window_end timestamptz
)
RETURNS SETOF metrics
LANGUAGE sql
STABLE
SET search_path FROM CURRENT
AS $$
    SELECT metrics.*
    FROM instances
    CROSS JOIN generate_series(
        date_bin('1 hour', window_start, '2000-01-01 00:00:00+00'::timestamptz),
        window_end - interval '1 microsecond',
        '1 hour'
    ) AS hour
    CROSS JOIN LATERAL (
        SELECT *
        FROM metrics
        WHERE metrics."timestamp" = hour AND metrics.instance_id = instances.id
        OFFSET 0
    ) AS metrics
    WHERE instances.instance_id = wanted_instance_id
$$;

COMMENT ON FUNCTION instance_history IS
    'One instance''s rows from window_start up to window_end, hour by hour by the primary key: '
    'the key starts with the hour, so a plain WHERE on the instance alone reads every instance.';
"""

RUNS = """
CREATE TABLE ingest_runs (
    run_id uuid PRIMARY KEY,
    trigger text NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'ok', 'partial', 'failed')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    region text NOT NULL,
    api text NOT NULL,
    instances_requested integer NOT NULL,
    instances_ok integer,
    instances_empty integer,
    instances_partial integer,
    instances_failed integer,
    instances_created integer,
    rows_inserted bigint,
    rows_updated bigint,
    rows_unchanged bigint,
    cloudwatch_calls integer,
    metrics_billed integer,
    estimated_cost_usd double precision,
    failures jsonb,
    error text,
    CHECK (
        instances_requested
        = instances_ok + instances_empty + instances_partial + instances_failed
    )
);

CREATE INDEX ingest_runs_started_at ON ingest_runs (started_at);

COMMENT ON TABLE ingest_runs IS
    'The ledger: one row a run. A row that stays at running belongs to a run that was killed.';
COMMENT ON COLUMN ingest_runs.trigger IS 'What asked for the run: schedule, manual or cli.';
COMMENT ON COLUMN ingest_runs.window_start IS 'First hour that was read.';
COMMENT ON COLUMN ingest_runs.window_end IS 'End of the last hour that was read.';
COMMENT ON COLUMN ingest_runs.api IS 'CloudWatch API: metric-data or metric-statistics.';
COMMENT ON COLUMN ingest_runs.instances_empty IS 'CloudWatch had no datapoint of the window.';
COMMENT ON COLUMN ingest_runs.instances_partial IS 'Stored, but some statistic stayed unread.';
COMMENT ON COLUMN ingest_runs.metrics_billed IS 'Metrics or requests that CloudWatch bills for.';
COMMENT ON COLUMN ingest_runs.estimated_cost_usd IS 'US dollars for the run''s CloudWatch reads.';
COMMENT ON COLUMN ingest_runs.failures IS 'Instances not wholly read and stored, with the reason.';
"""


def upgrade() -> None:
    """Make the tables and the functions that keep them."""
    # The functions keep this path, and some run as their owner: a caller's temporary tables must
    # not come before the real ones.
    op.execute(
        "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
    )
    for statements in (INSTANCES, METRICS, PARTITIONS, HISTORY, RUNS):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: the way back from the first step is to drop the database."""
    msg = "There is nothing before the first revision."
    raise NotImplementedError(msg)
