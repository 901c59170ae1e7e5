CREATE TABLE settings (
    name text PRIMARY KEY CHECK (name IN ('environment_tag')),
    value text NOT NULL
);

INSERT INTO settings (name, value) VALUES ('environment_tag', 'Environment');

COMMENT ON TABLE settings IS 'Settings that views need. migrate writes them from the environment.';
COMMENT ON COLUMN settings.name IS 'environment_tag: key of the tag that names the environment.';
