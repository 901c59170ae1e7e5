CREATE TABLE verdict_exclusions (
    kind text NOT NULL CHECK (kind IN ('instance', 'tag', 'family', 'minimum_saving_usd')),
    value text NOT NULL,
    reason text NOT NULL,
    until timestamptz,
    PRIMARY KEY (kind, value)
);

COMMENT ON TABLE verdict_exclusions IS
    'What nobody wants to hear about, for good or until a date (a snooze). '
    'The verdict stays; it carries excluded_reason.';
COMMENT ON COLUMN verdict_exclusions.kind IS 'instance, tag, family or minimum_saving_usd.';
COMMENT ON COLUMN verdict_exclusions.value IS
    'EC2''s instance id; a tag as Key or Key=Value; a family as in m7g; dollars per month.';
COMMENT ON COLUMN verdict_exclusions.reason IS 'Why, in the owner''s words.';
COMMENT ON COLUMN verdict_exclusions.until IS 'End of the snooze; NULL: for good.';
