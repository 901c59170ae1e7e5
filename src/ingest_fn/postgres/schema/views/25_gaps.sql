-- The hours that are expected of each instance: from its first read up to the last closed hour, or
-- up to the end of the last run that chose it.
CREATE OR REPLACE VIEW expected_hours AS
SELECT
    instances.id,
    instances.instance_id,
    instances.read_from AS expected_from,
    greatest(
        instances.read_from,
        CASE
            WHEN instances.read_group IS NOT NULL THEN date_trunc('hour', now(), 'UTC')
            ELSE marks.read_until
        END
    ) AS expected_until,
    marks.read_until,
    read_groups.failed_until,
    instances.launched_at,
    coalesce(owed_hours.not_read, '{}') AS not_read,
    coalesce(owed_hours.read_failed, '{}') AS read_failed
FROM instances
LEFT JOIN read_groups ON read_groups.id = instances.read_group
LEFT JOIN owed_hours ON owed_hours.instance_id = instances.id
CROSS JOIN LATERAL (
    SELECT greatest(
        instances.read_until, read_groups.read_until[instances.read_slot + 1]
    ) AS read_until
) AS marks
WHERE instances.read_from IS NOT NULL;

COMMENT ON VIEW expected_hours IS
    'From when until when hours are expected of each instance, and what of that is owed. '
    'gaps and coverage are made from it.';

GRANT SELECT ON expected_hours TO hourmeter_reader;

CREATE OR REPLACE VIEW gaps AS
WITH missing AS (
    SELECT expected_hours.*, hour
    FROM expected_hours
    CROSS JOIN LATERAL generate_series(
        expected_from, expected_until - interval '1 hour', '1 hour'
    ) AS hour
    WHERE NOT EXISTS (
        SELECT FROM metrics
        WHERE metrics."timestamp" = hour AND metrics.instance_id = expected_hours.id
    )
),
explained AS (
    SELECT
        missing.id,
        missing.instance_id,
        missing.hour,
        CASE
            WHEN hour + interval '1 hour' <= launched_at THEN 'not_launched'
            WHEN held.terminated THEN 'terminated'
            WHEN held.stopped THEN 'stopped'
            WHEN read_failed @> hour OR (hour >= read_until AND hour < failed_until) THEN 'read_failed'
            WHEN not_read @> hour OR hour >= read_until THEN 'not_read'
            ELSE 'no_data'
        END AS reason
    FROM missing
    LEFT JOIN LATERAL (
        -- In an hour in which it ran for a while, data could be expected.
        SELECT
            bool_and(state IN ('terminated', 'shutting-down')) AS terminated,
            bool_and(state IN ('stopped', 'stopping', 'terminated', 'shutting-down')) AS stopped
        FROM instance_changes
        WHERE instance_changes.instance_id = missing.id
        AND valid_from < hour + interval '1 hour'
        AND coalesce(valid_to, 'infinity') > hour
    ) AS held ON true
),
reasons AS (
    SELECT
        id,
        instance_id,
        hour,
        CASE
            -- CloudWatch keeps hourly datapoints for 455 days: what was not read by then is lost.
            WHEN reason IN ('not_read', 'read_failed') AND hour < now() - interval '455 days'
                THEN 'expired'
            ELSE reason
        END AS reason
    FROM explained
),
islands AS (
    SELECT
        reasons.*,
        hour - row_number() OVER (PARTITION BY instance_id, reason ORDER BY hour) * interval '1 hour'
            AS island
    FROM reasons
)
SELECT
    instance_id,
    min(hour) AS gap_start,
    max(hour) + interval '1 hour' AS gap_end,
    count(*) AS hours,
    reason
FROM islands
GROUP BY instance_id, reason, island;

COMMENT ON VIEW gaps IS
    'Hours without a row since an instance was first read, as closed-open ranges with a reason.';
COMMENT ON COLUMN gaps.instance_id IS 'EC2''s id.';
COMMENT ON COLUMN gaps.gap_start IS 'First missing hour.';
COMMENT ON COLUMN gaps.gap_end IS 'End of the last missing hour.';
COMMENT ON COLUMN gaps.hours IS 'How many hours are missing.';
COMMENT ON COLUMN gaps.reason IS
    'not_launched, stopped, terminated: the machine did not run. no_data: read whole, CloudWatch '
    'had nothing. not_read: no run asked. read_failed: the last attempt failed. expired: older '
    'than CloudWatch keeps.';

GRANT SELECT ON gaps TO hourmeter_reader;

CREATE OR REPLACE VIEW coverage AS
SELECT
    expected_hours.instance_id,
    expected.hours AS hours_expected,
    expected.hours - coalesce(missing.hours, 0)::bigint AS hours_present,
    coalesce(missing.explained, 0)::bigint AS hours_explained,
    expected_hours.expected_from,
    expected_hours.expected_until
FROM expected_hours
CROSS JOIN LATERAL (
    SELECT (extract(epoch FROM expected_until - expected_from) / 3600)::bigint AS hours
) AS expected
LEFT JOIN (
    SELECT
        instance_id,
        sum(hours) AS hours,
        sum(hours) FILTER (WHERE reason IN ('stopped', 'not_launched', 'terminated')) AS explained
    FROM gaps
    GROUP BY instance_id
) AS missing ON missing.instance_id = expected_hours.instance_id;

COMMENT ON VIEW coverage IS
    'Per instance: hours that are expected since its first read, those that have a row, and those '
    'that a state of the machine explains.';
COMMENT ON COLUMN coverage.instance_id IS 'EC2''s id.';
COMMENT ON COLUMN coverage.hours_expected IS
    'Hours from the first read up to the last closed hour, or the last run that chose it.';
COMMENT ON COLUMN coverage.hours_present IS 'Those that have a row in metrics.';
COMMENT ON COLUMN coverage.hours_explained IS
    'Missing hours in which it was stopped, not launched yet, or terminated.';
COMMENT ON COLUMN coverage.expected_from IS 'First expected hour.';
COMMENT ON COLUMN coverage.expected_until IS 'End of the last expected hour.';

GRANT SELECT ON coverage TO hourmeter_reader;
