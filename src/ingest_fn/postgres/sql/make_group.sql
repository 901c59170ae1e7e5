INSERT INTO read_groups (name) VALUES (%(group)s) ON CONFLICT (name) DO NOTHING
