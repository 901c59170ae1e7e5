CREATE OR REPLACE VIEW advice_followed AS
WITH story AS (
    SELECT
        instance_id,
        valid_from,
        instance_type,
        state,
        lag(instance_type) OVER told AS previous_type,
        lag(state) OVER told AS previous_state,
        coalesce(lead(valid_from) OVER told, now()) AS next_change
    FROM instance_changes
    WINDOW told AS (PARTITION BY instance_id ORDER BY valid_from)
),
changes AS (
    SELECT
        instance_id,
        valid_from AS changed_at,
        CASE WHEN instance_type <> previous_type THEN 'resized' ELSE state END AS change,
        previous_type AS from_type,
        instance_type AS to_type
    FROM story
    WHERE valid_from > now() - interval '93 days'
    AND (
        instance_type <> previous_type
        OR state = 'terminated' AND previous_state <> 'terminated'
        -- Shorter stops are a schedule at work.
        OR state = 'stopped' AND previous_state <> 'stopped'
            AND next_change - valid_from >= interval '7 days'
    )
),
-- The fleet is judged once for each day with a change, as it stood when that day began.
days AS MATERIALIZED (
    SELECT DISTINCT date_trunc('day', changed_at, 'UTC') AS day FROM changes
),
judged AS MATERIALIZED (
    SELECT days.day, verdict.*
    FROM days
    CROSS JOIN LATERAL verdicts(days.day) AS verdict
)
SELECT
    instances.instance_id,
    instances.name,
    instances.region,
    instances.account_id,
    changes.changed_at,
    changes.change,
    changes.from_type,
    changes.to_type,
    judged.verdict AS verdict_before,
    judged.reason AS reason_before,
    judged.suggested_types AS suggested_types_before,
    judged.saving_usd_per_month AS saving_before_usd_per_month,
    coalesce(
        CASE
            WHEN judged.verdict IN ('oversized', 'undersized')
                THEN changes.change = 'resized'
                    AND changes.to_type = ANY(judged.suggested_types)
            WHEN judged.verdict = 'idle' THEN changes.change IN ('stopped', 'terminated')
        END,
        false
    ) AS followed
FROM changes
JOIN instances ON instances.id = changes.instance_id
LEFT JOIN judged
    ON judged.day = date_trunc('day', changes.changed_at, 'UTC')
    AND judged.instance_id = instances.instance_id;

COMMENT ON VIEW advice_followed IS
    'Resizes, terminations and stops of a week or more in the last 93 days, each beside the '
    'verdict of the day on which it happened.';
COMMENT ON COLUMN advice_followed.followed IS
    'Whether the change is what the verdict advised: a suggested type, or an end to idling.';

GRANT SELECT ON advice_followed TO hourmeter_reader;
