INSERT INTO agent_looks (region, account_id, looked_at)
VALUES (%(region)s, %(account_id)s, %(now)s)
ON CONFLICT (region, account_id) DO UPDATE SET looked_at = excluded.looked_at
