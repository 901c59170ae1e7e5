-- Where changes_only, a price that says what the newest older one says is left out: the Pricing API
-- dates the same price anew each month.
WITH incoming AS (
    SELECT *
    FROM unnest(
        %(region)s::text[], %(instance_type)s::text[], %(operating_system)s::text[],
        %(hourly_usd)s::numeric[], %(as_of)s::timestamptz[], %(source)s::text[]
    ) AS column_of (region, instance_type, operating_system, hourly_usd, as_of, source)
),
kept AS (
    INSERT INTO prices AS stored (
        region, instance_type, operating_system, hourly_usd, as_of, source
    )
    SELECT region, instance_type, operating_system, hourly_usd, as_of, source
    FROM incoming
    WHERE NOT %(changes_only)s
    OR hourly_usd IS DISTINCT FROM (
        SELECT older.hourly_usd
        FROM prices AS older
        WHERE older.region = incoming.region
        AND older.instance_type = incoming.instance_type
        AND older.operating_system = incoming.operating_system
        AND older.as_of <= incoming.as_of
        ORDER BY older.as_of DESC
        LIMIT 1
    )
    ON CONFLICT (region, instance_type, operating_system, as_of) DO UPDATE
    SET hourly_usd = excluded.hourly_usd, source = excluded.source
    WHERE stored.hourly_usd <> excluded.hourly_usd
    RETURNING 1
)
SELECT count(*) FROM kept
