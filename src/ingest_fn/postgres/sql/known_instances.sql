SELECT instance_id, id FROM instances WHERE instance_id = ANY(%(instance_ids)s)
