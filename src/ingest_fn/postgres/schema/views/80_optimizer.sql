-- The tables of the older Cloud Cost Optimizer, in its names and types, over this feed. It finds
-- them by search_path=optimizer.
CREATE OR REPLACE VIEW optimizer.instances AS
SELECT
    instances.id::integer AS id,
    instances.instance_id::varchar(64) AS cloud_instance_id,
    'aws'::varchar(32) AS cloud_provider,
    instances.account_id::varchar(64) AS account_id,
    instances.region::varchar(64) AS region,
    instances.instance_type::varchar(64) AS instance_type,
    left(
        instances.tags ->> (SELECT value FROM settings WHERE name = 'environment_tag'), 32
    )::varchar(32) AS environment,
    instances.tags::json AS tags,
    coalesce(own.hourly_usd, own.factor * price.hourly_usd, price.hourly_usd)::numeric(10, 4)
        AS hourly_cost,
    instances.first_seen_at AS created_at,
    instances.first_seen_at AS updated_at
FROM instances
LEFT JOIN LATERAL (
    SELECT prices.hourly_usd
    FROM prices
    WHERE prices.region = instances.region
    AND prices.instance_type = instances.instance_type
    AND prices.operating_system = instances.platform
    AND prices.as_of <= now()
    ORDER BY prices.as_of DESC
    LIMIT 1
) AS price ON true
LEFT JOIN LATERAL (
    SELECT price_overrides.hourly_usd, price_overrides.factor
    FROM price_overrides
    WHERE (price_overrides.kind, price_overrides.value) IN (
        ('instance', instances.instance_id), ('account', instances.account_id), ('all', '')
    )
    ORDER BY array_position(ARRAY['instance', 'account', 'all'], price_overrides.kind)
    LIMIT 1
) AS own ON true
WHERE instances.state IS DISTINCT FROM 'terminated';

COMMENT ON VIEW optimizer.instances IS
    'instances for the older Cloud Cost Optimizer. Terminated ones are left out.';

CREATE OR REPLACE VIEW optimizer.metrics AS
SELECT
    -- A row's number would change with each new hour, and no query could skip a row.
    extract(epoch FROM metrics."timestamp")::bigint / 3600 * 2147483648 + metrics.instance_id
        AS id,
    metrics.instance_id,
    metrics."timestamp",
    metrics.cpu_utilization::numeric(5, 2) AS cpu_utilization,
    metrics.memory_utilization::numeric(5, 2) AS mem_utilization,
    metrics.network_in AS network_in_bytes,
    metrics.network_out AS network_out_bytes
FROM metrics;

COMMENT ON VIEW optimizer.metrics IS 'metrics for the older Cloud Cost Optimizer.';

GRANT USAGE ON SCHEMA optimizer TO hourmeter_reader;
GRANT SELECT ON optimizer.instances TO hourmeter_reader;
GRANT SELECT ON optimizer.metrics TO hourmeter_reader;
