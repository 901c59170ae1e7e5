-- What to do first comes first: excluded machines last, then by dollars, unknown ones after known.
SELECT *
FROM verdicts(%(as_of)s, %(days)s)
ORDER BY
    excluded_reason IS NOT NULL,
    saving_usd_per_month DESC NULLS LAST,
    array_position(
        ARRAY['idle', 'oversized', 'switch_off', 'undersized', 'insufficient_data', 'fine'],
        verdict
    ),
    name,
    instance_id
