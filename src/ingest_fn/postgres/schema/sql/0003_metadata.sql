ALTER TABLE instances
    ADD COLUMN name text,
    ADD COLUMN instance_type text,
    ADD COLUMN state text,
    ADD COLUMN launched_at timestamptz,
    ADD COLUMN availability_zone text,
    ADD COLUMN platform text,
    ADD COLUMN lifecycle text,
    ADD COLUMN architecture text,
    ADD COLUMN tags jsonb;

CREATE INDEX instances_tags ON instances USING gin (tags jsonb_path_ops);

COMMENT ON COLUMN instances.name IS 'Value of the tag Name; NULL where there is none.';
COMMENT ON COLUMN instances.instance_type IS 'EC2''s instance type, as in m7g.large.';
COMMENT ON COLUMN instances.state IS
    'EC2''s word: pending, running, shutting-down, terminated, stopping or stopped.';
COMMENT ON COLUMN instances.launched_at IS
    'The first launch that is known. EC2''s own LaunchTime moves with every start.';
COMMENT ON COLUMN instances.availability_zone IS 'Availability zone, as in eu-central-1a.';
COMMENT ON COLUMN instances.platform IS 'Operating system, in the words of prices.operating_system.';
COMMENT ON COLUMN instances.lifecycle IS 'on-demand, spot, scheduled or capacity-block.';
COMMENT ON COLUMN instances.architecture IS 'x86_64, arm64, i386 or one of the macOS forms.';
COMMENT ON COLUMN instances.tags IS 'Tags as an object of key to value; NULL: never described.';

CREATE TABLE instance_changes (
    instance_id bigint NOT NULL REFERENCES instances (id),
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    instance_type text,
    state text NOT NULL,
    name text,
    PRIMARY KEY (instance_id, valid_from),
    CHECK (valid_to > valid_from)
);

CREATE UNIQUE INDEX instance_changes_now ON instance_changes (instance_id)
WHERE valid_to IS NULL;

COMMENT ON TABLE instance_changes IS
    'History of type, state and name: one row per change. The rows of an instance touch.';
COMMENT ON COLUMN instance_changes.instance_id IS 'instances.id.';
COMMENT ON COLUMN instance_changes.valid_from IS
    'From when this held: EC2''s own time where it gives one, otherwise the time of the look.';
COMMENT ON COLUMN instance_changes.valid_to IS 'Until when, exclusive; NULL: it still holds.';
COMMENT ON COLUMN instance_changes.instance_type IS 'EC2''s instance type in that time.';
COMMENT ON COLUMN instance_changes.state IS 'EC2''s state in that time.';
COMMENT ON COLUMN instance_changes.name IS 'Value of the tag Name in that time.';
