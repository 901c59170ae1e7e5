SELECT
    instance_type,
    vcpus,
    memory_mib,
    architecture,
    gpus,
    instance_storage_gib,
    burst_baseline_percent,
    network_baseline_mbps,
    ebs_baseline_mbps,
    ebs_maximum_mbps,
    hypervisor
FROM instance_types
WHERE instance_type = ANY(%(types)s)
