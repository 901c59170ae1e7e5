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
