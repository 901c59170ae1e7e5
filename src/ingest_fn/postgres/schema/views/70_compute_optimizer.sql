CREATE OR REPLACE VIEW compute_optimizer_compared AS
SELECT
    verdicts.instance_id,
    verdicts.name,
    verdicts.instance_type,
    verdicts.verdict,
    verdicts.reason,
    verdicts.suggested_types,
    verdicts.saving_usd_per_month,
    theirs.finding,
    theirs.finding_reasons,
    theirs.idle AS finding_idle,
    theirs.recommended_types,
    theirs.saving_usd_per_month AS finding_saving_usd_per_month,
    theirs.refreshed_at,
    stated.agrees,
    CASE
        WHEN stated.agrees THEN NULL
        WHEN theirs.instance_id IS NULL THEN 'Compute Optimizer says nothing of it.'
        WHEN theirs.instance_type <> verdicts.instance_type
            THEN 'Compute Optimizer judged another type, before a resize.'
        WHEN verdicts.verdict = 'not_applicable' THEN 'This feed does not judge it: see reason.'
        WHEN verdicts.verdict = 'insufficient_data'
            THEN 'This feed wants 90 % of the hours; Compute Optimizer wants 30 hours.'
        WHEN verdicts.verdict = 'switch_off' THEN 'Compute Optimizer knows no schedules.'
        WHEN verdicts.memory_p995 IS NULL
            THEN 'Memory is unknown here, so that none is taken away; Compute Optimizer may know '
                'it, or do without.'
        ELSE 'Different data: Compute Optimizer reads five-minute maxima, EBS and its own '
            'preferences.'
    END AS why
FROM verdicts
LEFT JOIN compute_optimizer_findings AS theirs ON theirs.instance_id = verdicts.instance_id
CROSS JOIN LATERAL (
    SELECT CASE verdicts.verdict
        WHEN 'idle' THEN coalesce(theirs.idle, false)
        WHEN 'oversized' THEN theirs.finding ILIKE 'over%'
        WHEN 'undersized' THEN theirs.finding ILIKE 'under%'
        WHEN 'fine' THEN theirs.finding = 'Optimized'
        ELSE false
    END IS TRUE AS agrees
) AS stated;

COMMENT ON VIEW compute_optimizer_compared IS
    'Each verdict beside what AWS Compute Optimizer found, whether they agree, and if not, why.';

GRANT SELECT ON compute_optimizer_compared TO hourmeter_reader;
