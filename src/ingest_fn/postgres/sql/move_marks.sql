-- The slots that were read: none of their marks moves back, however late an event is tried again.
UPDATE read_groups SET
    read_until = (
        SELECT array_agg(
            CASE WHEN slot - 1 = ANY(%(slots)s::integer[]) THEN greatest(mark, %(window_end)s) ELSE mark END
            ORDER BY slot
        )
        FROM unnest(read_groups.read_until) WITH ORDINALITY AS marks (mark, slot)
    ),
    failed_until = NULL,
    failure = NULL
WHERE name = %(group)s
