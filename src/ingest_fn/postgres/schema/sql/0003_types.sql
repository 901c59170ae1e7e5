CREATE TABLE instance_types (
    instance_type text PRIMARY KEY,
    vcpus integer NOT NULL,
    memory_mib bigint NOT NULL,
    architecture text NOT NULL,
    gpus integer NOT NULL DEFAULT 0,
    instance_storage_gib bigint NOT NULL DEFAULT 0,
    burst_baseline_percent real,
    network_baseline_mbps double precision,
    ebs_baseline_mbps double precision,
    hypervisor text,
    refreshed_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE instance_types IS 'What each EC2 instance type has: DescribeInstanceTypes.';
COMMENT ON COLUMN instance_types.instance_type IS 'EC2''s name, as in m7g.large.';
COMMENT ON COLUMN instance_types.vcpus IS 'Virtual CPUs.';
COMMENT ON COLUMN instance_types.memory_mib IS 'Memory in MiB.';
COMMENT ON COLUMN instance_types.architecture IS 'x86_64, arm64, i386 or one of the macOS forms.';
COMMENT ON COLUMN instance_types.gpus IS 'GPUs and other accelerators.';
COMMENT ON COLUMN instance_types.instance_storage_gib IS 'Instance store in GB; 0: none.';
COMMENT ON COLUMN instance_types.burst_baseline_percent IS
    'CPU in percent that a burstable type may use for ever; NULL: not burstable.';
COMMENT ON COLUMN instance_types.network_baseline_mbps IS
    'Network bandwidth in Mbit/s that lasts; NULL: not published.';
COMMENT ON COLUMN instance_types.ebs_baseline_mbps IS
    'EBS bandwidth in Mbit/s that lasts; NULL: not published.';
COMMENT ON COLUMN instance_types.hypervisor IS 'nitro, xen, or NULL for bare metal.';
COMMENT ON COLUMN instance_types.refreshed_at IS 'When EC2 was last asked.';
