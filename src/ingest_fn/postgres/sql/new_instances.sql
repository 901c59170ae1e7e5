INSERT INTO instances (instance_id, region, account_id)
SELECT instance_id, %(region)s, %(account_id)s
FROM unnest(%(instance_ids)s::text[]) AS new (instance_id)
ORDER BY instance_id
ON CONFLICT (instance_id) DO NOTHING
RETURNING instance_id, id, pg_current_xact_id()::text
