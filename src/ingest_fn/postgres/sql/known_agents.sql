SELECT
    instances.instance_id,
    agent_metrics.metric,
    agent_metrics.dimensions,
    agent_metrics.reason
FROM agent_metrics
JOIN instances ON instances.id = agent_metrics.instance_id
WHERE instances.instance_id = ANY(%(instance_ids)s)
