SELECT
    instances.instance_id,
    instance_types.instance_type,
    instance_types.vcpus,
    instance_types.memory_mib,
    instance_types.architecture,
    instance_types.gpus,
    instance_types.instance_storage_gib,
    instance_types.burst_baseline_percent,
    instance_types.network_baseline_mbps,
    instance_types.ebs_baseline_mbps,
    instance_types.ebs_maximum_mbps,
    instance_types.hypervisor
FROM instances
JOIN instance_types ON instance_types.instance_type = instances.instance_type
WHERE instances.instance_id = ANY(%(instance_ids)s)
