UPDATE read_groups SET
    failed_until = greatest(failed_until, %(window_end)s),
    failure = %(error)s
WHERE name = %(group)s
