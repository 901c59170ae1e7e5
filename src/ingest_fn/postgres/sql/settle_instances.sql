-- The exceptions of a run, each with the window that was read of it: instances that are new to the
-- group, owed hours before, or could not be read whole. Runs before the marks of the group move.
WITH read AS (
    SELECT
        instances.id,
        tstzmultirange(tstzrange(exception.read_from, exception.read_until)) AS hours,
        exception.whole,
        exception.reason,
        instances.read_from,
        instances.read_group,
        greatest(
            instances.read_until, read_groups.read_until[instances.read_slot + 1]
        ) AS mark,
        coalesce(owed_hours.not_read, '{}') AS not_read,
        coalesce(owed_hours.read_failed, '{}') AS read_failed
    FROM unnest(
        %(instance_ids)s::text[], %(read_from)s::timestamptz[], %(read_until)s::timestamptz[],
        %(whole)s::boolean[], %(reasons)s::text[]
    ) AS exception (instance_id, read_from, read_until, whole, reason)
    JOIN instances ON instances.instance_id = exception.instance_id
    LEFT JOIN read_groups ON read_groups.id = instances.read_group
    LEFT JOIN owed_hours ON owed_hours.instance_id = instances.id
    ORDER BY instances.id
),
judged AS (
    SELECT
        read.*,
        -- What had been read whole before, and what lies between that and the new window.
        CASE WHEN mark IS NULL THEN '{}'::tstzmultirange
        ELSE tstzmultirange(tstzrange(least(read_from, mark), mark)) - not_read - read_failed
        END AS covered,
        CASE WHEN mark IS NULL THEN '{}'::tstzmultirange
        ELSE
            tstzmultirange(
                tstzrange(least(lower(hours), read_from), greatest(upper(hours), mark))
            ) - hours - tstzmultirange(tstzrange(least(read_from, mark), mark))
        END AS between
    FROM read
),
owed AS (
    SELECT
        id,
        (not_read - hours) + between AS not_read,
        (read_failed - hours)
        + CASE WHEN whole THEN '{}'::tstzmultirange ELSE hours - covered END AS read_failed,
        reason
    FROM judged
),
nothing_owed AS (
    DELETE FROM owed_hours
    USING owed
    WHERE owed_hours.instance_id = owed.id
    AND isempty(owed.not_read + owed.read_failed)
),
something_owed AS (
    INSERT INTO owed_hours AS stored (instance_id, not_read, read_failed, reason)
    SELECT id, not_read, read_failed, reason
    FROM owed
    WHERE NOT isempty(not_read + read_failed)
    ON CONFLICT (instance_id) DO UPDATE SET
        not_read = excluded.not_read,
        read_failed = excluded.read_failed,
        reason = coalesce(excluded.reason, stored.reason)
    WHERE (stored.not_read, stored.read_failed, stored.reason)
    IS DISTINCT FROM (excluded.not_read, excluded.read_failed, coalesce(excluded.reason, stored.reason))
)
UPDATE instances SET
    read_from = settled.read_from,
    read_until = settled.read_until,
    read_group = settled.read_group
FROM (
    SELECT
        judged.id,
        least(judged.read_from, lower(judged.hours)) AS read_from,
        greatest(judged.mark, upper(judged.hours)) AS read_until,
        CASE
            WHEN %(group)s::text IS NULL THEN judged.read_group
            ELSE (SELECT read_groups.id FROM read_groups WHERE read_groups.name = %(group)s)
        END AS read_group
    FROM judged
) AS settled
WHERE settled.id = instances.id
AND (
    instances.read_from IS DISTINCT FROM settled.read_from
    OR instances.read_group IS DISTINCT FROM settled.read_group
    -- The mark of the group may have said so already.
    OR instances.read_until IS DISTINCT FROM settled.read_until
)
