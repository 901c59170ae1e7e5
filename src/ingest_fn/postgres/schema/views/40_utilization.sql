-- What each machine did in the days before as_of, in one pass over the rows, grouped by machine and
-- UTC day. From the days come the bounds within which P99.5 lies, and only few values are sorted.
CREATE OR REPLACE FUNCTION utilization(
    as_of timestamptz,
    days integer DEFAULT 14,
    quiet_cpu_percent numeric DEFAULT 5,
    quiet_network_bytes_per_second numeric DEFAULT 1000,
    with_p95 boolean DEFAULT false
)
RETURNS TABLE (
    instance_key bigint,
    instance_id text,
    name text,
    instance_type text,
    region text,
    account_id text,
    state text,
    platform text,
    lifecycle text,
    tags jsonb,
    window_start timestamptz,
    window_end timestamptz,
    first_launch timestamptz,
    resized_at timestamptz,
    since timestamptz,
    hours_expected integer,
    hours_present integer,
    cpu_mean numeric,
    cpu_max numeric,
    cpu_max_hours integer,
    cpu_p95 numeric,
    cpu_p995 numeric,
    memory_hours integer,
    memory_mean numeric,
    memory_max numeric,
    memory_p995 numeric,
    network_hours integer,
    network_mb_per_day numeric,
    network_peak_mbps numeric,
    low_use_days integer,
    week bigint[],
    ebs_peak_mbps numeric,
    surplus_credits numeric,
    failed_hours integer
)
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
SET timezone = 'UTC'
SET jit = off
SET plan_cache_mode = force_custom_plan
SET work_mem = '64MB'
SET enable_sort = off
SET enable_nestloop = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    until_ timestamptz := date_trunc('hour', utilization.as_of, 'UTC');
    from_ timestamptz := until_ - make_interval(hours => 24 * utilization.days);
    tolerated interval := make_interval(hours => 24 * utilization.days) / 10;
    quiet_cpu real := utilization.quiet_cpu_percent;
    quiet_network double precision := utilization.quiet_network_bytes_per_second * 3600;
    further boolean;
BEGIN
    IF utilization.days NOT BETWEEN 1 AND 455 OR utilization.as_of IS NULL THEN
        RAISE invalid_parameter_value
            USING MESSAGE = 'as_of takes a time and days a number from 1 to 455';
    END IF;
    -- Are further metrics collected at all? One hour of each day says so, and where they are not,
    -- nothing is spent on them.
    further := EXISTS (
        SELECT FROM metrics
        WHERE "timestamp" = ANY(ARRAY(
            SELECT generate_series(from_, until_ - interval '1 hour', interval '24 hours')
        ))
        AND (
            network_in_max IS NOT NULL
            OR ebs_read_bytes_max IS NOT NULL
            OR cpu_surplus_credits_charged IS NOT NULL
            OR status_check_failed IS NOT NULL
        )
    );
    RETURN QUERY
    WITH changes AS MATERIALIZED (
        SELECT
            instance_id AS key,
            valid_from,
            least(coalesce(valid_to, until_), until_) AS valid_to,
            instance_type,
            state,
            state = 'running' AS running
        FROM instance_changes
        WHERE valid_from <= utilization.as_of AND coalesce(valid_to, 'infinity') > from_
    ),
    resizes AS (
        SELECT key, max(valid_from) AS resized_at
        FROM (
            SELECT
                key,
                valid_from,
                instance_type
                    <> lag(instance_type) OVER (PARTITION BY key ORDER BY valid_from) AS resized
            FROM changes
            WHERE instance_type IS NOT NULL
        ) AS typed
        WHERE resized
        GROUP BY key
    ),
    history AS (
        SELECT
            key,
            min(valid_from) AS known_from,
            (array_agg(state ORDER BY valid_from DESC))[1] AS state,
            (array_agg(instance_type ORDER BY valid_from DESC)
                FILTER (WHERE instance_type IS NOT NULL))[1] AS instance_type,
            bool_and(running) AS always_running
        FROM changes
        GROUP BY key
    ),
    machines AS MATERIALIZED (
        SELECT
            instances.id::integer AS key,
            coalesce(
                history.instance_type,
                (
                    SELECT oldest.instance_type
                    FROM instance_changes AS oldest
                    WHERE oldest.instance_id = instances.id AND oldest.instance_type IS NOT NULL
                    ORDER BY oldest.valid_from
                    LIMIT 1
                ),
                instances.instance_type
            ) AS instance_type,
            coalesce(history.state, instances.state) AS state,
            least(instances.launched_at, history.known_from) AS launch,
            history.known_from,
            resizes.resized_at,
            coalesce(history.always_running, true) AS always_running
        FROM instances
        LEFT JOIN history ON history.key = instances.id
        LEFT JOIN resizes ON resizes.key = instances.id
        WHERE coalesce(
            history.state,
            CASE WHEN NOT EXISTS (
                SELECT FROM instance_changes WHERE instance_changes.instance_id = instances.id
            ) THEN instances.state END,
            'unknown'
        ) <> 'terminated'
    ),
    -- When it ran, in pieces of whole hours. The hour of a start, a stop or a resize is in none.
    pieces AS (
        SELECT key, valid_from, valid_to, running
        FROM changes
        WHERE key IN (SELECT key FROM machines WHERE NOT always_running)
        UNION ALL
        -- Before the history begins it is taken to have run.
        SELECT key, from_, known_from, true
        FROM machines
        WHERE NOT always_running AND known_from > from_
    ),
    islands AS (
        SELECT key, min(valid_from) AS begun, max(valid_to) AS ended
        FROM (
            SELECT
                *, count(*) FILTER (WHERE NOT running)
                    OVER (PARTITION BY key ORDER BY valid_from) AS island
            FROM pieces
        ) AS numbered
        WHERE running
        GROUP BY key, island
    ),
    runs AS MATERIALIZED (
        SELECT key, first_hour, end_hour
        FROM (
            SELECT
                machines.key,
                date_trunc(
                    'hour',
                    greatest(islands.begun, machines.resized_at, from_)
                        + interval '1 hour' - interval '1 microsecond',
                    'UTC'
                ) AS first_hour,
                date_trunc('hour', coalesce(islands.ended, until_), 'UTC') AS end_hour
            FROM machines
            LEFT JOIN islands ON islands.key = machines.key
            WHERE machines.always_running OR islands.key IS NOT NULL
        ) AS whole
        WHERE first_hour < end_hour
    ),
    -- The edges of its runs, in order: between an odd one and the next it ran. NULL: all the time.
    edges AS MATERIALIZED (
        SELECT
            machines.key,
            CASE WHEN NOT machines.always_running OR machines.resized_at IS NOT NULL THEN
                coalesce(array_agg(edge ORDER BY edge) FILTER (WHERE edge IS NOT NULL), '{}')
            END AS edges
        FROM machines
        LEFT JOIN runs
            ON runs.key = machines.key
            AND (NOT machines.always_running OR machines.resized_at IS NOT NULL)
        LEFT JOIN LATERAL unnest(ARRAY[runs.first_hour, runs.end_hour]) AS edge ON true
        GROUP BY machines.key, machines.always_running, machines.resized_at
    ),
    -- A day at a time: the rows lie in that order, and one day of a large fleet fits into memory.
    daily AS MATERIALIZED (
        SELECT day, extract(isodow FROM day)::integer AS weekday, of_day.*
        FROM generate_series(date_trunc('day', from_, 'UTC'), until_, '1 day') AS day
        CROSS JOIN LATERAL (
            SELECT
                metrics.instance_id AS key,
                count(*) AS present,
                sum(metrics.cpu_utilization::double precision) AS cpu_sum,
                max(metrics.cpu_utilization_max) AS cpu_max,
                array_agg(metrics.cpu_utilization_max) AS cpu,
                count(metrics.cpu_utilization_max) AS cpu_max_hours,
                sum(metrics.network_in + metrics.network_out) AS network_sum,
                count(metrics.network_in + metrics.network_out) AS network_hours,
                max(greatest(metrics.network_in, metrics.network_out)) AS network_peak,
                -- Of the busiest sample. Twelve in an hour are of five minutes each, sixty of one.
                max(
                    CASE WHEN further THEN
                        greatest(metrics.network_in_max, metrics.network_out_max)
                            * CASE WHEN metrics.sample_count > 12 THEN 60 ELSE 12 END
                    END
                ) AS network_busiest,
                max(
                    CASE WHEN further THEN
                        (metrics.ebs_read_bytes_max + metrics.ebs_write_bytes_max)
                            * CASE WHEN metrics.sample_count > 12 THEN 60 ELSE 12 END
                    END
                ) AS ebs_busiest,
                sum(CASE WHEN further THEN metrics.cpu_surplus_credits_charged END) AS surplus,
                count(*) FILTER (WHERE further AND metrics.status_check_failed > 0) AS failed,
                count(metrics.memory_utilization) AS memory_hours,
                sum(metrics.memory_utilization::double precision) AS memory_sum,
                max(coalesce(metrics.memory_utilization_max, metrics.memory_utilization))
                    AS memory_max,
                array_agg(coalesce(metrics.memory_utilization_max, metrics.memory_utilization))
                    FILTER (WHERE metrics.memory_utilization IS NOT NULL) AS memory,
                -- Bit n: it has the hour n. Bit 24 + n: it was busy then, or nobody knows.
                bit_or(
                    CASE
                        WHEN metrics.cpu_utilization_max <= quiet_cpu
                            AND metrics.network_in + metrics.network_out <= quiet_network
                            THEN 1::bigint
                        ELSE 16777217::bigint
                    END << date_part('hour', metrics."timestamp")::integer
                ) AS mask
            FROM metrics
            JOIN (SELECT key, min(edges) AS edges FROM edges GROUP BY key) AS ran
                ON ran.key = metrics.instance_id
                AND (ran.edges IS NULL OR width_bucket(metrics."timestamp", ran.edges) % 2 = 1)
            WHERE metrics."timestamp" >= greatest(day, from_)
            AND metrics."timestamp" < least(day + interval '1 day', until_)
            AND metrics.cpu_utilization IS NOT NULL
            GROUP BY metrics.instance_id
        ) AS of_day
    ),
    whole AS (
        SELECT
            key,
            sum(present)::integer AS present,
            min(day) AS first_day,
            sum(cpu_sum) / sum(present) AS cpu_mean,
            max(cpu_max) AS cpu_max,
            sum(cpu_max_hours)::integer AS cpu_max_hours,
            array_agg(cpu_max ORDER BY cpu_max DESC) FILTER (WHERE cpu_max IS NOT NULL) AS cpu_tops,
            sum(network_sum) / nullif(sum(network_hours), 0) * 24 AS network_per_day,
            sum(network_hours)::integer AS network_hours,
            greatest(max(network_busiest), max(network_peak)) AS network_peak,
            max(ebs_busiest) AS ebs_peak,
            sum(surplus) AS surplus,
            sum(failed)::integer AS failed_hours,
            sum(memory_hours)::integer AS memory_hours,
            sum(memory_sum) / nullif(sum(memory_hours), 0) AS memory_mean,
            max(memory_max) AS memory_max,
            array_agg(memory_max ORDER BY memory_max DESC)
                FILTER (WHERE memory_max IS NOT NULL) AS memory_tops,
            count(*) FILTER (
                WHERE present >= 20 AND cpu_sum <= 10 * present
                AND network_hours = present AND network_sum <= 5e6
            )::integer AS low_use_days,
            ARRAY[
                bit_or(mask) FILTER (WHERE weekday = 1),
                bit_or(mask) FILTER (WHERE weekday = 2),
                bit_or(mask) FILTER (WHERE weekday = 3),
                bit_or(mask) FILTER (WHERE weekday = 4),
                bit_or(mask) FILTER (WHERE weekday = 5),
                bit_or(mask) FILTER (WHERE weekday = 6),
                bit_or(mask) FILTER (WHERE weekday = 7)
            ] AS week
        FROM daily
        GROUP BY key
    ),
    -- P99.5 lies between the rank-th largest value and the next one. At least rank values reach
    -- the rank-th largest of the days' maxima, so that only values above that bound are fetched.
    ranks AS MATERIALIZED (
        SELECT
            *,
            cpu_tops[cpu_rank] AS cpu_bound,
            memory_tops[memory_rank] AS memory_bound
        FROM (
            SELECT
                *,
                cpu_max_hours - floor(0.995 * (cpu_max_hours - 1))::integer AS cpu_rank,
                0.995 * (cpu_max_hours - 1) - floor(0.995 * (cpu_max_hours - 1)) AS cpu_part,
                memory_hours - floor(0.995 * (memory_hours - 1))::integer AS memory_rank,
                0.995 * (memory_hours - 1) - floor(0.995 * (memory_hours - 1)) AS memory_part
            FROM whole
        ) AS ranked
    ),
    cpu_tops AS MATERIALIZED (
        SELECT ranks.key, array_agg(value ORDER BY value DESC) AS tops
        FROM ranks
        JOIN daily
            ON daily.key = ranks.key AND daily.cpu_max > coalesce(ranks.cpu_bound, -1::real)
        CROSS JOIN LATERAL unnest(daily.cpu) AS value
        WHERE value > coalesce(ranks.cpu_bound, -1::real)
        GROUP BY ranks.key
    ),
    memory_tops AS MATERIALIZED (
        SELECT ranks.key, array_agg(value ORDER BY value DESC) AS tops
        FROM ranks
        JOIN daily
            ON daily.key = ranks.key AND daily.memory_max > coalesce(ranks.memory_bound, -1::real)
        CROSS JOIN LATERAL unnest(daily.memory) AS value
        WHERE value > coalesce(ranks.memory_bound, -1::real)
        GROUP BY ranks.key
    ),
    p95 AS MATERIALIZED (
        SELECT
            metrics.instance_id AS key,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY metrics.cpu_utilization_max) AS cpu
        FROM metrics
        JOIN (SELECT key, min(edges) AS edges FROM edges GROUP BY key) AS ran
            ON ran.key = metrics.instance_id
            AND (ran.edges IS NULL OR width_bucket(metrics."timestamp", ran.edges) % 2 = 1)
        WHERE utilization.with_p95
        AND metrics."timestamp" >= from_ AND metrics."timestamp" < until_
        AND metrics.cpu_utilization IS NOT NULL
        GROUP BY metrics.instance_id
    ),
    -- A machine that seems to have begun within the window: had it metrics before?
    doubtful AS MATERIALIZED (
        SELECT machines.key, ranks.first_day
        FROM machines
        JOIN ranks ON ranks.key = machines.key
        WHERE coalesce(machines.launch, 'infinity') >= from_
    ),
    first_hours AS MATERIALIZED (
        SELECT
            daily.key,
            -- mask & -mask is its lowest bit: the first hour of that day.
            min(daily.day + make_interval(hours => log(2, daily.mask & -daily.mask)::integer))
                AS first_hour
        FROM doubtful
        JOIN daily ON daily.key = doubtful.key AND daily.day = doubtful.first_day
        GROUP BY daily.key
    ),
    older AS MATERIALIZED (
        SELECT DISTINCT metrics.instance_id AS key
        FROM metrics
        JOIN first_hours ON first_hours.key = metrics.instance_id
        WHERE first_hours.first_hour > from_
        AND metrics."timestamp" < from_
        AND metrics."timestamp" >= from_ - make_interval(days => utilization.days)
    ),
    launches AS MATERIALIZED (
        SELECT
            machines.key,
            CASE
                WHEN machines.launch < from_ THEN machines.launch
                WHEN older.key IS NOT NULL OR first_hours.first_hour <= from_ THEN NULL
                -- Nobody knows when it was launched: a gap at the start is a gap.
                WHEN machines.launch IS NULL
                    THEN CASE WHEN first_hours.first_hour > from_ + tolerated THEN first_hours.first_hour END
                ELSE least(machines.launch, first_hours.first_hour)
            END AS first_launch
        FROM machines
        LEFT JOIN first_hours ON first_hours.key = machines.key
        LEFT JOIN older ON older.key = machines.key
    ),
    expected AS MATERIALIZED (
        SELECT
            runs.key,
            min(greatest(runs.first_hour, launches.first_launch)) AS since,
            sum(
                extract(
                    epoch FROM runs.end_hour - greatest(
                        runs.first_hour,
                        date_trunc(
                            'hour',
                            launches.first_launch + interval '1 hour' - interval '1 microsecond',
                            'UTC'
                        )
                    )
                ) / 3600
            ) AS hours
        FROM runs
        JOIN launches ON launches.key = runs.key
        WHERE runs.end_hour > coalesce(launches.first_launch, from_) + interval '1 hour'
        OR launches.first_launch IS NULL
        GROUP BY runs.key
    )
    SELECT
        instances.id,
        instances.instance_id,
        instances.name,
        machines.instance_type,
        instances.region,
        instances.account_id,
        machines.state,
        instances.platform,
        instances.lifecycle,
        instances.tags,
        from_,
        until_,
        launches.first_launch,
        machines.resized_at,
        greatest(from_, launches.first_launch, machines.resized_at),
        greatest(coalesce(expected.hours, 0), 0)::integer,
        coalesce(ranks.present, 0),
        round(ranks.cpu_mean::numeric, 4),
        ranks.cpu_max::numeric,
        coalesce(ranks.cpu_max_hours, 0),
        p95.cpu::real::numeric,
        (
            coalesce(cpu_tops.tops[ranks.cpu_rank], ranks.cpu_bound)
            + ranks.cpu_part::double precision * (
                coalesce(cpu_tops.tops[ranks.cpu_rank - 1], ranks.cpu_bound)
                - coalesce(cpu_tops.tops[ranks.cpu_rank], ranks.cpu_bound)
            )
        )::real::numeric,
        coalesce(ranks.memory_hours, 0),
        round(ranks.memory_mean::numeric, 4),
        ranks.memory_max::numeric,
        (
            coalesce(memory_tops.tops[ranks.memory_rank], ranks.memory_bound)
            + ranks.memory_part::double precision * (
                coalesce(memory_tops.tops[ranks.memory_rank - 1], ranks.memory_bound)
                - coalesce(memory_tops.tops[ranks.memory_rank], ranks.memory_bound)
            )
        )::real::numeric,
        coalesce(ranks.network_hours, 0),
        (ranks.network_per_day / 1e6)::numeric,
        (ranks.network_peak * 8 / 3600 / 1e6)::numeric,
        coalesce(ranks.low_use_days, 0),
        ranks.week,
        (ranks.ebs_peak * 8 / 3600 / 1e6)::numeric,
        ranks.surplus::numeric,
        coalesce(ranks.failed_hours, 0)
    FROM machines
    JOIN instances ON instances.id = machines.key
    JOIN launches ON launches.key = machines.key
    LEFT JOIN expected ON expected.key = machines.key
    LEFT JOIN ranks ON ranks.key = machines.key
    LEFT JOIN cpu_tops ON cpu_tops.key = machines.key
    LEFT JOIN memory_tops ON memory_tops.key = machines.key
    LEFT JOIN p95 ON p95.key = machines.key
    WHERE coalesce(launches.first_launch, from_) < utilization.as_of;
END
$$;

COMMENT ON FUNCTION utilization IS
    'What each machine did in the days before as_of, one row per instance that was not terminated '
    'then: hours expected and present, CPU, memory and network. Other than in the tables, all '
    'percentages are numeric. The analysis starts at the last change of type.';

GRANT EXECUTE ON FUNCTION utilization TO hourmeter_reader;

CREATE OR REPLACE VIEW utilization_14d AS
SELECT
    instance_id,
    name,
    instance_type,
    region,
    account_id,
    since,
    window_end AS until,
    hours_expected,
    hours_present,
    cpu_mean,
    cpu_p95,
    cpu_p995,
    cpu_max,
    memory_hours,
    memory_mean,
    memory_p995,
    memory_max,
    network_mb_per_day,
    network_peak_mbps,
    ebs_peak_mbps
FROM utilization(now(), 14, with_p95 => true);

COMMENT ON VIEW utilization_14d IS
    'What each machine did in the last 14 days, since its last change of type.';
COMMENT ON COLUMN utilization_14d.hours_expected IS 'Whole hours in state running.';
COMMENT ON COLUMN utilization_14d.hours_present IS 'Of these, hours whose CPU is known.';
COMMENT ON COLUMN utilization_14d.cpu_mean IS 'Percent.';
COMMENT ON COLUMN utilization_14d.cpu_p95 IS 'Percent: 95th percentile of the hourly maxima.';
COMMENT ON COLUMN utilization_14d.cpu_p995 IS 'Percent: 99.5th percentile of the hourly maxima.';
COMMENT ON COLUMN utilization_14d.memory_hours IS 'Hours whose memory is known.';
COMMENT ON COLUMN utilization_14d.network_mb_per_day IS 'In and out, 10^6 bytes, mean per day.';
COMMENT ON COLUMN utilization_14d.network_peak_mbps IS
    'Mbit/s of the busier direction: of the busiest one to five minutes where the metric is '
    'collected, otherwise the mean of the busiest hour.';

GRANT SELECT ON utilization_14d TO hourmeter_reader;
