-- A series that is silent and that the look found again stays silent until it answers.
INSERT INTO agent_metrics AS known (instance_id, metric, dimensions, reason, learnt_at)
SELECT instances.id, learnt.metric, learnt.dimensions, learnt.reason, %(now)s
FROM jsonb_to_recordset(%(learnt)s::jsonb) AS learnt (
    instance_id text,
    metric text,
    dimensions jsonb,
    reason text
)
JOIN instances ON instances.instance_id = learnt.instance_id
LEFT JOIN agent_metrics AS before ON before.instance_id = instances.id
WHERE before.instance_id IS NULL
OR (before.metric, before.dimensions) IS DISTINCT FROM (learnt.metric, learnt.dimensions)
OR (learnt.metric IS NULL AND before.reason IS DISTINCT FROM learnt.reason)
ORDER BY instances.id
ON CONFLICT (instance_id) DO UPDATE SET
    metric = excluded.metric,
    dimensions = excluded.dimensions,
    reason = excluded.reason,
    learnt_at = excluded.learnt_at
