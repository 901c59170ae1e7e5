INSERT INTO instance_types AS known (
    instance_type, vcpus, memory_mib, architecture, gpus, instance_storage_gib,
    burst_baseline_percent, network_baseline_mbps, ebs_baseline_mbps, ebs_maximum_mbps, hypervisor,
    refreshed_at
)
SELECT
    instance_type, vcpus, memory_mib, architecture, gpus, instance_storage_gib,
    burst_baseline_percent, network_baseline_mbps, ebs_baseline_mbps, ebs_maximum_mbps, hypervisor,
    %(now)s
FROM jsonb_to_recordset(%(types)s::jsonb) AS type (
    instance_type text,
    vcpus integer,
    memory_mib bigint,
    architecture text,
    gpus integer,
    instance_storage_gib bigint,
    burst_baseline_percent real,
    network_baseline_mbps double precision,
    ebs_baseline_mbps double precision,
    ebs_maximum_mbps double precision,
    hypervisor text
)
ORDER BY instance_type
ON CONFLICT (instance_type) DO UPDATE SET
    vcpus = excluded.vcpus,
    memory_mib = excluded.memory_mib,
    architecture = excluded.architecture,
    gpus = excluded.gpus,
    instance_storage_gib = excluded.instance_storage_gib,
    burst_baseline_percent = excluded.burst_baseline_percent,
    network_baseline_mbps = excluded.network_baseline_mbps,
    ebs_baseline_mbps = excluded.ebs_baseline_mbps,
    ebs_maximum_mbps = excluded.ebs_maximum_mbps,
    hypervisor = excluded.hypervisor,
    refreshed_at = excluded.refreshed_at
