-- What is known of the machines of one look, with the last period of their history. Where the look
-- was at everything, those of the account and Region that it did not show come too.
SELECT
    instances.id,
    instances.instance_id,
    instances.region,
    instances.account_id,
    instances.name,
    instances.instance_type,
    instances.state,
    extract(epoch FROM instances.launched_at)::double precision AS launched_at,
    instances.availability_zone,
    instances.platform,
    instances.lifecycle,
    instances.architecture,
    instances.tags,
    extract(epoch FROM changes.valid_from)::double precision AS valid_from,
    changes.state AS last_state,
    changes.instance_type AS last_type,
    changes.name AS last_name
FROM instances
LEFT JOIN instance_changes AS changes
    ON changes.instance_id = instances.id
    AND changes.valid_to IS NULL
WHERE instances.instance_id = ANY(%(instance_ids)s)
OR (
    %(whole)s
    AND instances.region = %(region)s
    AND instances.account_id IS NOT DISTINCT FROM %(account_id)s
    AND instances.state IS DISTINCT FROM 'terminated'
)
