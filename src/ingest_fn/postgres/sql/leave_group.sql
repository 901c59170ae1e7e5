-- Members that this run did not choose any more keep the mark that the group had for them. Where the
-- group has as many members as were chosen of it, there are none.
UPDATE instances SET
    read_group = NULL,
    read_until = greatest(
        instances.read_until, read_groups.read_until[instances.read_slot + 1]
    )
FROM read_groups
WHERE read_groups.name = %(group)s
AND (SELECT count(*) FROM instances AS every WHERE every.read_group = read_groups.id) > %(members)s
AND instances.read_group = read_groups.id
AND instances.instance_id <> ALL(%(chosen)s::text[])
