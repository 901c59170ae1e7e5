CREATE TABLE prices (
    region text NOT NULL,
    instance_type text NOT NULL,
    operating_system text NOT NULL,
    hourly_usd numeric(12, 6) NOT NULL CHECK (hourly_usd > 0),
    as_of timestamptz NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (region, instance_type, operating_system, as_of)
);

COMMENT ON TABLE prices IS
    'On-Demand list prices, before reservations and Savings Plans. '
    'The newest as_of that is not after the question counts.';
COMMENT ON COLUMN prices.region IS 'AWS Region.';
COMMENT ON COLUMN prices.instance_type IS 'EC2''s instance type.';
COMMENT ON COLUMN prices.operating_system IS 'Linux, Windows, or another of AWS''s names.';
COMMENT ON COLUMN prices.hourly_usd IS 'US dollars per hour.';
COMMENT ON COLUMN prices.as_of IS 'From when this price is known.';
COMMENT ON COLUMN prices.source IS 'Where it comes from: pricing-api, or the file''s name.';

CREATE TABLE price_overrides (
    kind text NOT NULL CHECK (kind IN ('instance', 'account', 'all')),
    value text NOT NULL DEFAULT '',
    hourly_usd numeric(12, 6) CHECK (hourly_usd >= 0),
    factor numeric(6, 4) CHECK (factor >= 0),
    reason text,
    PRIMARY KEY (kind, value),
    CHECK ((hourly_usd IS NULL) <> (factor IS NULL)),
    CHECK ((kind = 'all') = (value = ''))
);

COMMENT ON TABLE price_overrides IS
    'What is really paid, for instance under a reservation: a price per hour, or a factor on the '
    'list price. An instance''s own row counts before its account''s, and that before all.';
COMMENT ON COLUMN price_overrides.kind IS 'instance, account or all.';
COMMENT ON COLUMN price_overrides.value IS 'EC2''s instance id or the account''s id; empty for all.';
COMMENT ON COLUMN price_overrides.hourly_usd IS 'US dollars per hour instead of the list price.';
COMMENT ON COLUMN price_overrides.factor IS 'Share of the list price, as in 0.62.';
COMMENT ON COLUMN price_overrides.reason IS 'Why, in the owner''s words.';
