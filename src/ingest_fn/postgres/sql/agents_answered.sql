UPDATE agent_metrics
SET reason = heard.reason, learnt_at = %(now)s
FROM (
    SELECT unnest(%(answered)s::text[]) AS instance_id, NULL AS reason
    UNION ALL
    SELECT unnest(%(silent)s::text[]), 'no_data'
) AS heard
JOIN instances ON instances.instance_id = heard.instance_id
WHERE agent_metrics.instance_id = instances.id
AND agent_metrics.metric IS NOT NULL
AND agent_metrics.reason IS DISTINCT FROM heard.reason
