-- CPU credits per hour and vCPUs: "Key concepts for burstable performance instances" in AWS's EC2
-- User Guide. One credit is one vCPU for one minute. No API returns these numbers.
CREATE OR REPLACE VIEW burst_baselines AS
SELECT
    families.family || '.' || sizes.size AS instance_type,
    round(sizes.credits_per_hour / 60 / sizes.vcpus * 100, 1) AS baseline_percent,
    sizes.credits_per_hour,
    sizes.vcpus
FROM (
    VALUES
    ('nano', 6.0, 2), ('micro', 12.0, 2), ('small', 24.0, 2), ('medium', 24.0, 2),
    ('large', 36.0, 2), ('xlarge', 96.0, 4), ('2xlarge', 192.0, 8)
) AS sizes (size, credits_per_hour, vcpus)
CROSS JOIN (VALUES ('t3'), ('t3a'), ('t4g')) AS families (family)
UNION ALL
SELECT
    't2.' || sizes.size AS instance_type,
    round(sizes.credits_per_hour / 60 / sizes.vcpus * 100, 1) AS baseline_percent,
    sizes.credits_per_hour,
    sizes.vcpus
FROM (
    VALUES
    ('nano', 3.0, 1), ('micro', 6.0, 1), ('small', 12.0, 1), ('medium', 24.0, 2),
    ('large', 36.0, 2), ('xlarge', 54.0, 4), ('2xlarge', 81.6, 8)
) AS sizes (size, credits_per_hour, vcpus);

COMMENT ON VIEW burst_baselines IS
    'What a burstable type may use for ever: percent of each of its vCPUs. Above it, it spends '
    'CPU credits.';

GRANT SELECT ON burst_baselines TO hourmeter_reader;
