CREATE OR REPLACE FUNCTION quiet_hours(
    week bigint[], in_a_row integer, busy_at_least integer
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$
    SELECT CASE WHEN busy_hours >= busy_at_least THEN
        -- Turned to begin with a busy hour, no run of quiet hours goes over the end of the week.
        length(turned) - length(regexp_replace(turned, '1{' || in_a_row || ',}', '', 'g'))
    END
    FROM (
        SELECT
            busy_hours,
            substr(line, strpos(line, '0')) || left(line, greatest(strpos(line, '0') - 1, 0))
                AS turned
        FROM (
            SELECT
                string_agg(
                    reverse((mask & ~(mask >> 24) & 16777215)::integer::bit(24)::text),
                    '' ORDER BY number
                ) AS line,
                sum(bit_count((mask >> 24)::integer::bit(24))) AS busy_hours
            FROM (
                SELECT number, coalesce(mask, 0) AS mask
                FROM unnest(week) WITH ORDINALITY AS day (mask, number)
            ) AS masks
        ) AS lines
    ) AS weeks
$$;

COMMENT ON FUNCTION quiet_hours IS
    'How many hours of the week lie in runs of in_a_row or more quiet hours, over the end of the '
    'week too; NULL where fewer than busy_at_least hours are busy. week: one mask per day from '
    'Monday, bit n for the hour n being known, bit 24 + n for its being busy.';
