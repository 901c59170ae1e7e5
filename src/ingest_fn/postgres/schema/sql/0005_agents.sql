CREATE TABLE agent_metrics (
    instance_id bigint PRIMARY KEY REFERENCES instances (id),
    metric text,
    dimensions jsonb,
    reason text CHECK (reason IN ('no_agent', 'several_series', 'no_data')),
    learnt_at timestamptz NOT NULL,
    CHECK ((metric IS NULL) = (dimensions IS NULL)),
    CHECK ((metric IS NULL) = (reason IS NOT NULL AND reason <> 'no_data'))
);

COMMENT ON TABLE agent_metrics IS
    'Which series of a CloudWatch agent holds an instance''s memory, or why there is none.';
COMMENT ON COLUMN agent_metrics.instance_id IS 'instances.id.';
COMMENT ON COLUMN agent_metrics.metric IS 'The agent''s name for memory; NULL: no series.';
COMMENT ON COLUMN agent_metrics.dimensions IS
    'The published dimensions, names to values. A read must name exactly these.';
COMMENT ON COLUMN agent_metrics.reason IS
    'Why memory is NULL: no_agent was seen, several_series could be meant, or the series is silent '
    '(no_data). NULL: it answers.';
COMMENT ON COLUMN agent_metrics.learnt_at IS 'Since when this is so.';

CREATE TABLE agent_looks (
    region text NOT NULL,
    account_id text NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (region, account_id)
);

COMMENT ON TABLE agent_looks IS 'When CloudWatch was last asked which agents publish.';
COMMENT ON COLUMN agent_looks.region IS 'AWS Region.';
COMMENT ON COLUMN agent_looks.account_id IS 'AWS account; empty: the ingester''s.';
COMMENT ON COLUMN agent_looks.looked_at IS 'Time of the last look.';
