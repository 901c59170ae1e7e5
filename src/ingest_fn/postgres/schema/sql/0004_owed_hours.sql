CREATE TABLE read_groups (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    read_until timestamptz[] NOT NULL DEFAULT array_fill(NULL::timestamptz, ARRAY[24]),
    failed_until timestamptz,
    failure text,
    CHECK (array_length(read_until, 1) = 24)
);

COMMENT ON TABLE read_groups IS
    'Instances that the same runs choose. A run that reads them all moves the mark of the whole '
    'group, so the normal case writes one row, not one row per instance.';
COMMENT ON COLUMN read_groups.name IS 'Account, Region and the selection that the runs resolve.';
COMMENT ON COLUMN read_groups.read_until IS
    'Up to which hour the members have been read, exclusive: one mark for each read_slot, 0 to 23.';
COMMENT ON COLUMN read_groups.failed_until IS
    'End of the window of the last run if that run could read nothing at all; otherwise NULL.';
COMMENT ON COLUMN read_groups.failure IS 'Why that run could read nothing.';

-- One hour may have more samples than a smallint holds. Four bytes take no more room in a row.
ALTER TABLE metrics ALTER COLUMN sample_count TYPE integer;

ALTER TABLE instances
    ADD COLUMN read_slot smallint NOT NULL GENERATED ALWAYS AS (
        mod(
            get_byte(decode(md5(instance_id), 'hex'), 0) * 256
            + get_byte(decode(md5(instance_id), 'hex'), 1),
            24
        )
    ) STORED,
    ADD COLUMN read_group integer REFERENCES read_groups (id),
    ADD COLUMN read_from timestamptz,
    ADD COLUMN read_until timestamptz;

CREATE INDEX instances_read_group ON instances (read_group);

COMMENT ON COLUMN instances.read_slot IS
    'Place in the cycle of FRESHNESS_HOURS, 0 to 23: a hash of instance_id, spread evenly.';
COMMENT ON COLUMN instances.read_group IS
    'read_groups.id of the runs that choose it; NULL: the last run did not choose it any more.';
COMMENT ON COLUMN instances.read_from IS 'First hour that was ever read; NULL: never read.';
COMMENT ON COLUMN instances.read_until IS
    'Up to which hour it was read, exclusive, where that is later than the mark of its group.';

-- Before owed hours were kept, a run read every instance whole or named it in its failures.
UPDATE instances SET read_from = stored.read_from, read_until = stored.read_until
FROM (
    SELECT
        metrics.instance_id,
        min("timestamp") AS read_from,
        max("timestamp") + interval '1 hour' AS read_until
    FROM metrics
    GROUP BY metrics.instance_id
) AS stored
WHERE stored.instance_id = instances.id;

CREATE TABLE owed_hours (
    instance_id bigint PRIMARY KEY REFERENCES instances (id),
    not_read tstzmultirange NOT NULL DEFAULT '{}',
    read_failed tstzmultirange NOT NULL DEFAULT '{}',
    reason text
);

COMMENT ON TABLE owed_hours IS
    'Exceptions only: hours before an instance''s mark that have not been read whole. '
    'A row goes when nothing is owed any more.';
COMMENT ON COLUMN owed_hours.instance_id IS 'instances.id.';
COMMENT ON COLUMN owed_hours.not_read IS 'Hours that no run asked for.';
COMMENT ON COLUMN owed_hours.read_failed IS 'Hours whose last attempt failed.';
COMMENT ON COLUMN owed_hours.reason IS 'Why the last attempt failed.';
