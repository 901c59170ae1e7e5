CREATE TABLE compute_optimizer_findings (
    instance_id text PRIMARY KEY,
    finding text NOT NULL,
    finding_reasons text[] NOT NULL DEFAULT '{}',
    idle boolean,
    instance_type text,
    recommended_types text[] NOT NULL DEFAULT '{}',
    saving_usd_per_month numeric(14, 2),
    lookback_days numeric(6, 2),
    refreshed_at timestamptz,
    read_at timestamptz NOT NULL
);

COMMENT ON TABLE compute_optimizer_findings IS
    'What AWS Compute Optimizer says of each instance: its newest answer only.';
COMMENT ON COLUMN compute_optimizer_findings.instance_id IS 'EC2''s id.';
COMMENT ON COLUMN compute_optimizer_findings.finding IS
    'Underprovisioned, Overprovisioned, Optimized or NotOptimized.';
COMMENT ON COLUMN compute_optimizer_findings.idle IS 'Whether it calls the instance idle.';
COMMENT ON COLUMN compute_optimizer_findings.instance_type IS 'The type that it judged.';
COMMENT ON COLUMN compute_optimizer_findings.recommended_types IS 'Its suggestions, best first.';
COMMENT ON COLUMN compute_optimizer_findings.saving_usd_per_month IS
    'US dollars a month, of its first suggestion; NULL: it named none.';
COMMENT ON COLUMN compute_optimizer_findings.lookback_days IS 'Days that it looked at.';
COMMENT ON COLUMN compute_optimizer_findings.refreshed_at IS 'When it last analysed the instance.';
COMMENT ON COLUMN compute_optimizer_findings.read_at IS 'When Hourmeter read this.';
