-- Whether types have to be asked for: one of these is unknown and nobody asked within a day, or the
-- oldest answer is older than a month.
SELECT
    (
        EXISTS (
            SELECT FROM unnest(%(types)s::text[]) AS used (instance_type)
            WHERE used.instance_type NOT IN (SELECT instance_type FROM instance_types)
        )
        AND coalesce(max(refreshed_at) < %(now)s - interval '1 day', true)
    )
    OR coalesce(max(refreshed_at) < %(now)s - interval '30 days', true) AS stale
FROM instance_types
