UPDATE instance_changes
SET valid_to = to_timestamp(ended.valid_to)
FROM jsonb_to_recordset(%(ended)s::jsonb) AS ended (
    instance_id bigint,
    valid_to double precision
)
WHERE instance_changes.instance_id = ended.instance_id
AND instance_changes.valid_to IS NULL
