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
