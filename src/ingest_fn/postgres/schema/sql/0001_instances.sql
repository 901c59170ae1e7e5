CREATE TABLE instances (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id text NOT NULL UNIQUE,
    region text NOT NULL,
    account_id text,
    first_seen_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE instances IS 'EC2 instances, one row each from the first run that asked for them.';
COMMENT ON COLUMN instances.instance_id IS 'EC2''s id, i-0123456789abcdef0.';
COMMENT ON COLUMN instances.region IS 'AWS Region that its metrics are read from.';
COMMENT ON COLUMN instances.account_id IS 'AWS account that it belongs to; NULL: the ingester''s.';
COMMENT ON COLUMN instances.first_seen_at IS 'When the first run asked for it.';
