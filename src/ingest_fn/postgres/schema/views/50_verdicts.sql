CREATE OR REPLACE FUNCTION verdicts(
    as_of timestamptz,
    days integer DEFAULT 14,
    idle_cpu_percent numeric DEFAULT 5,
    idle_network_mb_per_day numeric DEFAULT 5,
    headroom_percent numeric DEFAULT 20,
    undersized_percent numeric DEFAULT 80,
    quiet_cpu_percent numeric DEFAULT 5,
    quiet_network_bytes_per_second numeric DEFAULT 1000,
    quiet_hours_in_a_row integer DEFAULT 6,
    busy_hours_per_week integer DEFAULT 24,
    minimum_hours integer DEFAULT 30,
    minimum_share numeric DEFAULT 0.9
)
RETURNS TABLE (
    instance_id text,
    name text,
    instance_type text,
    region text,
    account_id text,
    state text,
    verdict text,
    reason text,
    confidence numeric,
    hours_expected integer,
    hours_observed integer,
    since timestamptz,
    until timestamptz,
    cpu_mean numeric,
    cpu_p995 numeric,
    cpu_max numeric,
    memory_mean numeric,
    memory_p995 numeric,
    network_mb_per_day numeric,
    quiet_hours_per_week integer,
    suggested_type text,
    suggested_types text[],
    suggested_price_usd_per_hour numeric,
    price_usd_per_hour numeric,
    saving_usd_per_month numeric,
    saving_note text,
    excluded_reason text,
    trusted_advisor_low_use boolean,
    tags jsonb
)
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
SET timezone = 'UTC'
SET jit = off
SET plan_cache_mode = force_custom_plan
SET work_mem = '64MB'
SET enable_nestloop = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    headroom numeric := 1 + verdicts.headroom_percent / 100;
    least_hours numeric := least(
        verdicts.minimum_hours, verdicts.minimum_share * 24 * verdicts.days
    );
BEGIN
    RETURN QUERY
    WITH listed AS MATERIALIZED (
        -- The newest price that is not after the question, where the fleet is.
        SELECT DISTINCT ON (prices.region, prices.instance_type, prices.operating_system)
            prices.region, prices.instance_type, prices.operating_system, prices.hourly_usd
        FROM prices
        WHERE prices.as_of <= verdicts.as_of
        AND (prices.region, prices.operating_system) IN (
            SELECT instances.region, instances.platform FROM instances
        )
        ORDER BY
            prices.region, prices.instance_type, prices.operating_system, prices.as_of DESC
    ),
    types AS MATERIALIZED (
        SELECT
            instance_types.instance_type,
            split_part(instance_types.instance_type, '.', 1) AS family,
            instance_types.vcpus,
            instance_types.memory_mib,
            instance_types.architecture,
            instance_types.gpus,
            instance_types.instance_storage_gib > 0 AS has_storage,
            coalesce(
                burst_baselines.baseline_percent,
                instance_types.burst_baseline_percent::numeric
            ) AS baseline,
            instance_types.network_baseline_mbps AS network_mbps,
            instance_types.ebs_baseline_mbps AS ebs_mbps,
            coalesce(instance_types.hypervisor, '') AS hypervisor
        FROM instance_types
        LEFT JOIN burst_baselines
            ON burst_baselines.instance_type = instance_types.instance_type
    ),
    machines AS MATERIALIZED (
        SELECT
            used.*,
            split_part(used.instance_type, '.', 1) AS family,
            types.vcpus,
            types.memory_mib,
            coalesce(types.baseline, burst_baselines.baseline_percent) AS baseline,
            coalesce(
                types.gpus > 0,
                used.instance_type ~ '^(dl|f|g|gr|inf|p|trn|vt)[0-9]',
                false
            ) AS has_gpus,
            listed.hourly_usd AS list_price,
            coalesce(paid.factor, 1) AS factor,
            paid.hourly_usd AS own_price,
            paid.kind IS NOT NULL AS overridden,
            paid.reason AS override_reason,
            -- A running machine never uses none of its memory: an agent that says so is broken.
            used.memory_hours >= least_hours
                AND used.memory_hours >= verdicts.minimum_share * used.hours_present
                AND used.memory_max > 0 AS memory_known,
            used.network_hours >= verdicts.minimum_share * used.hours_present AS network_known,
            to_char(used.window_end, 'YYYY-MM-DD HH24:MI') || ' UTC' AS until_text,
            to_char(used.since, 'YYYY-MM-DD HH24:MI') || ' UTC' AS since_text
        FROM utilization(
            verdicts.as_of,
            verdicts.days,
            verdicts.quiet_cpu_percent,
            verdicts.quiet_network_bytes_per_second
        ) AS used
        LEFT JOIN types ON types.instance_type = used.instance_type
        LEFT JOIN burst_baselines ON burst_baselines.instance_type = used.instance_type
        LEFT JOIN listed
            ON listed.region = used.region
            AND listed.operating_system = used.platform
            AND listed.instance_type = used.instance_type
        LEFT JOIN price_overrides AS own
            ON own.kind = 'instance' AND own.value = used.instance_id
        LEFT JOIN price_overrides AS by_account
            ON by_account.kind = 'account' AND by_account.value = used.account_id
        LEFT JOIN price_overrides AS by_all ON by_all.kind = 'all'
        CROSS JOIN LATERAL (
            SELECT (
                CASE
                    WHEN own.kind IS NOT NULL THEN own
                    WHEN by_account.kind IS NOT NULL THEN by_account
                    ELSE by_all
                END
            ).*
        ) AS paid
    ),
    staged AS MATERIALIZED (
        SELECT
            *,
            CASE
                WHEN has_gpus THEN 'gpu'
                WHEN tags ? 'aws:autoscaling:groupName' THEN 'group'
                WHEN lifecycle = 'spot' THEN 'spot'
                WHEN first_launch > window_start THEN 'young'
                WHEN hours_expected = 0 AND state IS DISTINCT FROM 'running'
                    OR hours_present = 0 AND state IN ('stopping', 'stopped') THEN 'stopped'
                WHEN hours_present < least_hours
                    OR hours_present < verdicts.minimum_share * hours_expected THEN 'thin'
                WHEN cpu_max_hours < least_hours
                    OR cpu_max_hours < verdicts.minimum_share * hours_present THEN 'no maxima'
                WHEN cpu_max < verdicts.idle_cpu_percent
                    AND network_known
                    AND network_mb_per_day < verdicts.idle_network_mb_per_day THEN 'idle'
                WHEN baseline IS NOT NULL AND cpu_mean > baseline THEN 'credits'
                WHEN baseline IS NOT NULL AND surplus_credits > 0 THEN 'surplus'
                WHEN baseline IS NULL AND cpu_p995 > verdicts.undersized_percent THEN 'cpu'
                WHEN memory_known AND memory_p995 > verdicts.undersized_percent THEN 'memory'
                ELSE 'open'
            END AS stage,
            coalesce(own_price, list_price * factor) AS price,
            round(
                least(
                    1,
                    hours_present::numeric / nullif(hours_expected, 0)
                        * CASE WHEN memory_known THEN 1 ELSE 0.8 END
                ),
                2
            ) AS share_known,
            -- Hours that it did not run save nothing.
            730 * least(
                1,
                hours_expected / nullif(extract(epoch FROM window_end - since) / 3600, 0)
            ) AS hours_per_month,
            greatest(ceil(least_hours), ceil(verdicts.minimum_share * hours_expected)) AS needed
        FROM machines
    ),
    -- For each type in use: what may replace it and costs less, same family and cheapest first.
    smaller AS MATERIALIZED (
        SELECT
            used.region,
            used.platform,
            used.instance_type AS current_type,
            option.instance_type,
            option.vcpus,
            option.memory_mib,
            option.baseline,
            option.network_mbps,
            option.ebs_mbps,
            price.hourly_usd,
            row_number() OVER (
                PARTITION BY used.region, used.platform, used.instance_type
                ORDER BY
                    option.family <> current.family, price.hourly_usd, option.vcpus,
                    option.memory_mib, option.instance_type
            ) AS place
        FROM (
            SELECT DISTINCT region, platform, instance_type, list_price
            FROM staged
            WHERE stage = 'open' AND vcpus IS NOT NULL
        ) AS used
        JOIN types AS current ON current.instance_type = used.instance_type
        JOIN types AS option
            ON option.architecture = current.architecture
            AND option.has_storage = current.has_storage
            AND (option.baseline IS NULL) = (current.baseline IS NULL)
            AND (option.hypervisor = current.hypervisor OR current.hypervisor = '')
            AND (option.instance_type LIKE '%.metal%') = (current.instance_type LIKE '%.metal%')
            AND option.gpus = 0
            AND option.family !~ '^(dl|f|g|gr|hpc|inf|mac|p|trn|u|vt)[0-9-]'
            AND (option.vcpus < current.vcpus OR option.memory_mib < current.memory_mib)
        LEFT JOIN listed AS price
            ON price.region = used.region
            AND price.operating_system = used.platform
            AND price.instance_type = option.instance_type
        WHERE coalesce(
            price.hourly_usd < used.list_price,
            -- Without prices: in one family the smaller size is the cheaper one.
            option.family = current.family
                AND option.vcpus <= current.vcpus
                AND option.memory_mib <= current.memory_mib
        )
    ),
    options AS MATERIALIZED (
        SELECT
            staged.instance_key,
            smaller.instance_type,
            smaller.hourly_usd,
            smaller.place,
            CASE
                WHEN staged.memory_known
                    THEN staged.memory_p995 / 100 * staged.memory_mib * headroom
                        <= smaller.memory_mib
                ELSE smaller.memory_mib >= staged.memory_mib
            END AS memory_fits,
            coalesce(staged.network_peak_mbps * headroom <= smaller.network_mbps, true)
                AND coalesce(staged.ebs_peak_mbps * headroom <= smaller.ebs_mbps, true)
                AS network_fits
        FROM staged
        JOIN smaller
            ON smaller.current_type = staged.instance_type
            AND smaller.region = staged.region
            AND smaller.platform IS NOT DISTINCT FROM staged.platform
        WHERE staged.stage = 'open'
        AND staged.cpu_p995 / 100 * staged.vcpus * headroom <= smaller.vcpus
        AND (
            smaller.baseline IS NULL
            OR staged.cpu_mean * staged.vcpus * headroom <= smaller.baseline * smaller.vcpus
        )
    ),
    blocked AS MATERIALIZED (
        SELECT
            instance_key,
            bool_or(memory_fits) AS memory_fits,
            bool_or(memory_fits AND network_fits) AS all_fits
        FROM options
        GROUP BY instance_key
    ),
    chosen AS MATERIALIZED (
        SELECT
            instance_key,
            array_agg(instance_type ORDER BY place) AS suggested_types,
            (array_agg(hourly_usd ORDER BY place))[1] AS hourly_usd
        FROM (
            SELECT
                *, row_number() OVER (PARTITION BY instance_key ORDER BY place) AS number
            FROM options
            WHERE memory_fits AND network_fits
        ) AS fitting
        WHERE number <= 3
        GROUP BY instance_key
        UNION ALL
        SELECT
            instance_key,
            array_agg(instance_type ORDER BY number),
            (array_agg(hourly_usd ORDER BY number))[1]
        FROM (
            SELECT
                staged.instance_key,
                larger.instance_type,
                price.hourly_usd,
                row_number() OVER (
                    PARTITION BY staged.instance_key
                    ORDER BY price.hourly_usd, larger.vcpus, larger.memory_mib
                ) AS number
            FROM staged
            JOIN types AS current ON current.instance_type = staged.instance_type
            JOIN types AS larger
                ON larger.family = current.family
                AND larger.architecture = current.architecture
                AND larger.vcpus >= current.vcpus
                AND larger.memory_mib >= current.memory_mib
                AND larger.instance_type <> current.instance_type
                AND (larger.instance_type LIKE '%.metal%')
                    = (current.instance_type LIKE '%.metal%')
            LEFT JOIN listed AS price
                ON price.region = staged.region
                AND price.operating_system = staged.platform
                AND price.instance_type = larger.instance_type
            WHERE staged.stage IN ('credits', 'surplus', 'cpu', 'memory')
            AND least(staged.cpu_p995, 100) / 100 * staged.vcpus * headroom <= larger.vcpus
            AND coalesce(
                staged.cpu_mean * staged.vcpus * headroom <= larger.baseline * larger.vcpus, true
            )
            AND (
                NOT staged.memory_known
                OR staged.memory_p995 / 100 * staged.memory_mib * headroom <= larger.memory_mib
            )
        ) AS fitting
        WHERE number <= 3
        GROUP BY instance_key
    ),
    decided AS MATERIALIZED (
        SELECT
            staged.*,
            chosen.suggested_types AS fitting_types,
            chosen.hourly_usd AS fitting_price,
            blocked.memory_fits,
            blocked.all_fits,
            blocked.instance_key IS NOT NULL AS cpu_fits,
            quiet.hours AS quiet,
            CASE
                WHEN staged.stage IN ('gpu', 'group', 'spot', 'young', 'stopped')
                    THEN 'not_applicable'
                WHEN staged.stage IN ('thin', 'no maxima') THEN 'insufficient_data'
                WHEN staged.stage = 'idle' THEN 'idle'
                WHEN staged.stage IN ('credits', 'surplus', 'cpu', 'memory') THEN 'undersized'
                WHEN chosen.instance_key IS NOT NULL THEN 'oversized'
                WHEN quiet.hours > 0 THEN 'switch_off'
                ELSE 'fine'
            END AS verdict
        FROM staged
        LEFT JOIN blocked ON blocked.instance_key = staged.instance_key
        LEFT JOIN chosen ON chosen.instance_key = staged.instance_key
        CROSS JOIN LATERAL (
            SELECT CASE WHEN staged.stage = 'open' AND chosen.instance_key IS NULL THEN
                quiet_hours(
                    staged.week, verdicts.quiet_hours_in_a_row, verdicts.busy_hours_per_week
                )
            END AS hours
        ) AS quiet
    ),
    priced AS MATERIALIZED (
        SELECT
            decided.*,
            decided.fitting_price * decided.factor AS target_price,
            round(
                CASE decided.verdict
                    WHEN 'idle' THEN decided.price * decided.hours_per_month
                    WHEN 'oversized' THEN
                        CASE WHEN decided.own_price IS NULL THEN
                            (decided.list_price - decided.fitting_price)
                                * decided.factor * decided.hours_per_month
                        END
                    WHEN 'switch_off' THEN decided.price * decided.quiet / 168 * 730
                END,
                2
            ) AS saving
        FROM decided
    ),
    tagged AS MATERIALIZED (
        SELECT DISTINCT ON (staged.instance_key)
            staged.instance_key, verdict_exclusions.reason
        FROM staged
        CROSS JOIN LATERAL jsonb_each_text(staged.tags) AS tag (key, value)
        JOIN verdict_exclusions
            ON verdict_exclusions.kind = 'tag'
            AND verdict_exclusions.value IN (tag.key, tag.key || '=' || tag.value)
            AND coalesce(verdict_exclusions.until, 'infinity') > verdicts.as_of
        WHERE EXISTS (SELECT FROM verdict_exclusions WHERE verdict_exclusions.kind = 'tag')
        AND jsonb_typeof(staged.tags) = 'object'
        ORDER BY staged.instance_key, verdict_exclusions.value
    ),
    too_small AS MATERIALIZED (
        SELECT
            CASE WHEN value ~ '^[0-9]+([.][0-9]+)?$' THEN value::numeric END AS usd,
            verdict_exclusions.reason
        FROM verdict_exclusions
        WHERE verdict_exclusions.kind = 'minimum_saving_usd'
        AND coalesce(verdict_exclusions.until, 'infinity') > verdicts.as_of
    )
    SELECT
        priced.instance_id,
        priced.name,
        priced.instance_type,
        priced.region,
        priced.account_id,
        priced.state,
        priced.verdict,
        CASE priced.stage
            WHEN 'gpu' THEN format(
                '%s has GPUs or other accelerators, whose use no metric here shows.',
                priced.instance_type
            )
            WHEN 'group' THEN format(
                'It belongs to the Auto Scaling group %s: judge the group, not one machine of it.',
                priced.tags ->> 'aws:autoscaling:groupName'
            )
            WHEN 'spot' THEN
                'It is a Spot instance: its price changes and AWS may end it at any time.'
            WHEN 'young' THEN format(
                'It was first launched at %s UTC, within the %s days that are looked at: it is '
                'judged from %s UTC.',
                to_char(priced.first_launch, 'YYYY-MM-DD HH24:MI'),
                verdicts.days,
                to_char(
                    priced.first_launch + make_interval(hours => 24 * verdicts.days),
                    'YYYY-MM-DD HH24:MI'
                )
            )
            WHEN 'stopped' THEN format(
                'It was stopped during all of the %s days up to %s.',
                verdicts.days, priced.until_text
            )
            WHEN 'thin' THEN format(
                'CPU is known for %s of the %s hours that it ran since %s; a verdict needs %s.',
                priced.hours_present, priced.hours_expected, priced.since_text, priced.needed
            )
            WHEN 'no maxima' THEN format(
                'The maximum of CPU is known for %s of %s hours since %s only.',
                priced.cpu_max_hours, priced.hours_present, priced.since_text
            )
            WHEN 'idle' THEN format(
                'In %s hours since %s, CPU never rose above %s %% and the network carried %s MB '
                'per day: below %s %% and %s MB%s.',
                priced.hours_present,
                priced.since_text,
                trim_scale(round(priced.cpu_max, 2)),
                trim_scale(round(priced.network_mb_per_day, 2)),
                trim_scale(verdicts.idle_cpu_percent),
                trim_scale(verdicts.idle_network_mb_per_day),
                CASE WHEN priced.failed_hours > 0 THEN format(
                    '; but a status check failed in %s of the hours, and a broken machine looks '
                    'idle',
                    priced.failed_hours
                ) END
            )
            WHEN 'surplus' THEN format(
                'It was charged for %s surplus CPU credits: it uses more than %s may for ever.',
                trim_scale(round(priced.surplus_credits, 1)),
                priced.instance_type
            )
            WHEN 'credits' THEN format(
                'CPU averaged %s %%, above the baseline of %s %% that %s may use for ever: it '
                'lives on CPU credits.',
                trim_scale(round(priced.cpu_mean, 1)),
                trim_scale(round(priced.baseline, 1)),
                priced.instance_type
            )
            WHEN 'cpu' THEN format(
                'P99.5 of the hourly CPU maxima is %s %%, above %s %%.',
                trim_scale(round(priced.cpu_p995, 2)),
                trim_scale(verdicts.undersized_percent)
            )
            WHEN 'memory' THEN format(
                'P99.5 of memory is %s %%, above %s %%.',
                trim_scale(round(priced.memory_p995, 2)),
                trim_scale(verdicts.undersized_percent)
            )
            ELSE format('P99.5 of CPU is %s %%', trim_scale(round(priced.cpu_p995, 2)))
                || CASE
                    WHEN priced.memory_known THEN format(
                        ' and of memory %s %%', trim_scale(round(priced.memory_p995, 2))
                    )
                    WHEN priced.memory_hours > 0 THEN format(
                        ' and memory is known for %s of %s hours only',
                        priced.memory_hours, priced.hours_present
                    )
                    ELSE ' and memory is unknown'
                END
                || CASE
                    WHEN priced.verdict = 'oversized' THEN format(
                        ': with %s %% to spare, %s is large enough%s%s.',
                        trim_scale(verdicts.headroom_percent),
                        priced.fitting_types[1],
                        CASE WHEN NOT priced.memory_known
                            THEN ' and has at least the memory of today' ELSE '' END,
                        CASE
                            WHEN priced.network_peak_mbps IS NULL
                                AND priced.ebs_peak_mbps IS NULL
                                THEN '; its use of network and EBS is unknown'
                            WHEN priced.network_peak_mbps IS NULL
                                THEN '; its use of the network is unknown'
                            WHEN priced.ebs_peak_mbps IS NULL THEN '; its use of EBS is unknown'
                        END
                    )
                    WHEN priced.verdict = 'switch_off' THEN format(
                        ': nothing smaller fits, but in %s of 168 hours of the week CPU never '
                        'rose above %s %% nor the network above %s B/s.',
                        priced.quiet,
                        trim_scale(verdicts.quiet_cpu_percent),
                        trim_scale(verdicts.quiet_network_bytes_per_second)
                    )
                    WHEN priced.instance_type IS NULL THEN
                        '; no smaller type was looked for, because EC2 was never asked for the '
                        'type.'
                    WHEN priced.vcpus IS NULL THEN format(
                        '; no smaller type was looked for, because the size of %s is not known.',
                        priced.instance_type
                    )
                    WHEN NOT priced.cpu_fits THEN format(
                        ': with %s %% to spare, no cheaper type has the CPU.',
                        trim_scale(verdicts.headroom_percent)
                    )
                    WHEN NOT priced.memory_fits AND NOT priced.memory_known THEN format(
                        ': CPU would fit a cheaper type, but none has the %s GiB of today.',
                        trim_scale(round(priced.memory_mib / 1024.0, 1))
                    )
                    WHEN NOT priced.memory_fits THEN
                        ': CPU would fit a cheaper type, but memory fits none.'
                    ELSE format(
                        ': CPU and memory would fit a cheaper type, but not what the network (%s '
                        'Mbit/s) and EBS (%s Mbit/s) carried at most.',
                        coalesce(trim_scale(round(priced.network_peak_mbps, 1))::text, 'unknown'),
                        coalesce(trim_scale(round(priced.ebs_peak_mbps, 1))::text, 'unknown')
                    )
                END
        END,
        coalesce(priced.share_known, 0),
        priced.hours_expected,
        priced.hours_present,
        priced.since,
        priced.window_end,
        round(priced.cpu_mean, 2),
        round(priced.cpu_p995, 2),
        round(priced.cpu_max, 2),
        round(priced.memory_mean, 2),
        round(priced.memory_p995, 2),
        round(priced.network_mb_per_day, 3),
        priced.quiet,
        priced.fitting_types[1],
        coalesce(priced.fitting_types, '{}'),
        round(priced.target_price, 6),
        round(priced.price, 6),
        priced.saving,
        CASE
            WHEN priced.verdict = 'undersized' THEN CASE
                WHEN priced.fitting_types IS NULL
                    THEN 'No larger type of the family is known to fit.'
                WHEN priced.own_price IS NULL AND priced.list_price < priced.fitting_price THEN format(
                    '%s costs %s USD a month more: list price, before reservations and Savings '
                    'Plans.',
                    priced.fitting_types[1],
                    round(
                        (priced.fitting_price - priced.list_price)
                            * priced.factor * priced.hours_per_month,
                        2
                    )
                )
                ELSE 'What a larger type costs more is not known.'
            END
            WHEN priced.verdict NOT IN ('idle', 'oversized', 'switch_off') THEN NULL
            WHEN priced.saving IS NOT NULL THEN CASE
                WHEN NOT priced.overridden
                    THEN 'List price, before reservations and Savings Plans.'
                WHEN priced.own_price IS NOT NULL
                    THEN concat_ws(' ', 'By the price that the owner set.', priced.override_reason)
                ELSE concat_ws(
                    ' ',
                    format('List price times %s.', trim_scale(priced.factor)),
                    priced.override_reason
                )
            END
            WHEN priced.own_price IS NOT NULL THEN format(
                'The owner set the price of this machine; what %s would cost it is not known.',
                priced.fitting_types[1]
            )
            WHEN priced.instance_type IS NULL
                THEN 'No saving is stated, because the instance type is not known.'
            WHEN priced.platform IS NULL
                THEN 'No saving is stated, because the operating system is not known.'
            ELSE format(
                'No saving is stated, because no price of %s (%s, %s) is known: run prices.',
                CASE WHEN priced.price IS NULL
                    THEN priced.instance_type ELSE priced.fitting_types[1] END,
                priced.platform,
                priced.region
            )
        END,
        coalesce(
            by_instance.reason,
            tagged.reason,
            by_family.reason,
            (
                SELECT too_small.reason
                FROM too_small
                WHERE priced.saving < too_small.usd
                ORDER BY too_small.usd DESC
                LIMIT 1
            )
        ),
        priced.low_use_days >= 4,
        priced.tags
    FROM priced
    LEFT JOIN tagged ON tagged.instance_key = priced.instance_key
    LEFT JOIN verdict_exclusions AS by_instance
        ON by_instance.kind = 'instance'
        AND by_instance.value = priced.instance_id
        AND coalesce(by_instance.until, 'infinity') > verdicts.as_of
    LEFT JOIN verdict_exclusions AS by_family
        ON by_family.kind = 'family'
        AND by_family.value = priced.family
        AND coalesce(by_family.until, 'infinity') > verdicts.as_of;
END
$$;

COMMENT ON FUNCTION verdicts IS
    'What to do about each machine, as seen at as_of over the days before it: one row per instance '
    'that was not terminated. Reads tables of facts only. Rules and sources: docs/verdicts.md.';

GRANT EXECUTE ON FUNCTION verdicts TO hourmeter_reader;

CREATE OR REPLACE VIEW verdicts AS
SELECT * FROM verdicts(now());

COMMENT ON VIEW verdicts IS 'The function verdicts, asked now, with the defaults.';
COMMENT ON COLUMN verdicts.verdict IS
    'idle, oversized, undersized, switch_off, fine, insufficient_data or not_applicable.';
COMMENT ON COLUMN verdicts.reason IS 'Why, in a sentence with the numbers.';
COMMENT ON COLUMN verdicts.confidence IS
    '0 to 1: share of the expected hours that are known, times 0.8 where memory is unknown.';
COMMENT ON COLUMN verdicts.hours_expected IS 'Whole hours in state running since "since".';
COMMENT ON COLUMN verdicts.hours_observed IS 'Of these, hours whose CPU is known.';
COMMENT ON COLUMN verdicts.since IS
    'Start of the analysis: of the period, the first launch or the last change of type.';
COMMENT ON COLUMN verdicts.until IS 'End of the analysis, exclusive.';
COMMENT ON COLUMN verdicts.cpu_mean IS 'Percent.';
COMMENT ON COLUMN verdicts.cpu_p995 IS 'Percent: 99.5th percentile of the hourly maxima.';
COMMENT ON COLUMN verdicts.network_mb_per_day IS 'In and out, 10^6 bytes, mean per day.';
COMMENT ON COLUMN verdicts.quiet_hours_per_week IS
    'Hours of the week (of 168, UTC) in runs of six or more in which nothing happens.';
COMMENT ON COLUMN verdicts.suggested_types IS 'At most three, same family and cheapest first.';
COMMENT ON COLUMN verdicts.suggested_price_usd_per_hour IS
    'Of suggested_type: list price, times the owner''s factor where there is one.';
COMMENT ON COLUMN verdicts.price_usd_per_hour IS
    'List price, before reservations and Savings Plans, or what the owner set.';
COMMENT ON COLUMN verdicts.saving_usd_per_month IS
    'US dollars in a month of 730 hours; NULL where unknown: saving_note says why.';
COMMENT ON COLUMN verdicts.excluded_reason IS 'Why nobody wants to hear about it; NULL: they do.';
COMMENT ON COLUMN verdicts.trusted_advisor_low_use IS
    'AWS Trusted Advisor''s older rule: at most 10 % CPU and 5 MB on four days or more.';

GRANT SELECT ON verdicts TO hourmeter_reader;
