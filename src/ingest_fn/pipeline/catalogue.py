"""The metric catalogue: every CloudWatch statistic that is kept, and the column that keeps it.

To add a metric: one entry here, and one revision that adds its column.
"""

from __future__ import annotations

from functools import cache

from ingest_fn.pipeline.statistic import Need, Statistic, Statistics

MEMORY = "memory"
"""The group of the agent's metrics. They are read wherever an agent is known to publish them."""


CATALOGUE: Statistics = (
    Statistic(
        column="cpu_utilization",
        metric="CPUUtilization",
        statistic="Average",
        unit="percent",
        sql_type="real",
        description="CPU in percent of the instance's vCPUs, mean of the hour.",
    ),
    Statistic(
        column="cpu_utilization_max",
        metric="CPUUtilization",
        statistic="Maximum",
        unit="percent",
        sql_type="real",
        description="CPU in percent, maximum of the hour's samples.",
    ),
    Statistic(
        column="sample_count",
        metric="CPUUtilization",
        statistic="SampleCount",
        unit="samples",
        sql_type="integer",
        description="CPU samples of the hour. Fewer than usual means an incomplete hour.",
    ),
    Statistic(
        column="network_in",
        metric="NetworkIn",
        statistic="Sum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes received in the hour.",
    ),
    Statistic(
        column="network_in_max",
        metric="NetworkIn",
        statistic="Maximum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes received in the busiest sample of the hour, 1 or 5 minutes.",
        group="network_max",
    ),
    Statistic(
        column="network_out",
        metric="NetworkOut",
        statistic="Sum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes sent in the hour.",
    ),
    Statistic(
        column="network_out_max",
        metric="NetworkOut",
        statistic="Maximum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes sent in the busiest sample of the hour, 1 or 5 minutes.",
        group="network_max",
    ),
    Statistic(
        column="memory_utilization",
        metric="mem_used_percent",
        statistic="Average",
        unit="percent",
        sql_type="real",
        description="Memory in percent, mean of the hour; NULL where no agent publishes it.",
        namespace="CWAgent",
        group=MEMORY,
        needs=Need.AGENT,
    ),
    Statistic(
        column="memory_utilization_max",
        metric="mem_used_percent",
        statistic="Maximum",
        unit="percent",
        sql_type="real",
        description="Memory in percent, maximum of the hour's samples.",
        namespace="CWAgent",
        group=MEMORY,
        needs=Need.AGENT,
    ),
    Statistic(
        column="ebs_read_bytes",
        metric="EBSReadBytes",
        statistic="Sum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes read on EBS volumes in the hour.",
        group="ebs",
        needs=Need.NITRO,
    ),
    Statistic(
        column="ebs_read_bytes_max",
        metric="EBSReadBytes",
        statistic="Maximum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes read on EBS volumes in the busiest sample of the hour.",
        group="ebs",
        needs=Need.NITRO,
    ),
    Statistic(
        column="ebs_read_ops",
        metric="EBSReadOps",
        statistic="Sum",
        unit="operations",
        sql_type="double precision",
        description="Operations that read from EBS volumes in the hour.",
        group="ebs",
        needs=Need.NITRO,
    ),
    Statistic(
        column="ebs_read_ops_max",
        metric="EBSReadOps",
        statistic="Maximum",
        unit="operations",
        sql_type="double precision",
        description="Operations that read from EBS volumes in the busiest sample of the hour.",
        group="ebs",
        needs=Need.NITRO,
    ),
    Statistic(
        column="ebs_write_bytes",
        metric="EBSWriteBytes",
        statistic="Sum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes written on EBS volumes in the hour.",
        group="ebs",
        needs=Need.NITRO,
    ),
    Statistic(
        column="ebs_write_bytes_max",
        metric="EBSWriteBytes",
        statistic="Maximum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes written on EBS volumes in the busiest sample of the hour.",
        group="ebs",
        needs=Need.NITRO,
    ),
    Statistic(
        column="ebs_write_ops",
        metric="EBSWriteOps",
        statistic="Sum",
        unit="operations",
        sql_type="double precision",
        description="Operations that wrote to EBS volumes in the hour.",
        group="ebs",
        needs=Need.NITRO,
    ),
    Statistic(
        column="ebs_write_ops_max",
        metric="EBSWriteOps",
        statistic="Maximum",
        unit="operations",
        sql_type="double precision",
        description="Operations that wrote to EBS volumes in the busiest sample of the hour.",
        group="ebs",
        needs=Need.NITRO,
    ),
    Statistic(
        column="ebs_io_balance_min",
        metric="EBSIOBalance%",
        statistic="Minimum",
        unit="percent",
        sql_type="real",
        description="What was left of the credits for EBS operations, minimum of the hour.",
        group="ebs",
        needs=Need.EBS_BURST,
    ),
    Statistic(
        column="ebs_byte_balance_min",
        metric="EBSByteBalance%",
        statistic="Minimum",
        unit="percent",
        sql_type="real",
        description="What was left of the credits for EBS throughput, minimum of the hour.",
        group="ebs",
        needs=Need.EBS_BURST,
    ),
    Statistic(
        column="cpu_credit_balance_min",
        metric="CPUCreditBalance",
        statistic="Minimum",
        unit="credits",
        sql_type="real",
        description="CPU credits that were left, minimum of the hour. One is a vCPU for a minute.",
        group="credits",
        needs=Need.BURSTABLE,
    ),
    Statistic(
        column="cpu_surplus_credits_charged",
        metric="CPUSurplusCreditsCharged",
        statistic="Sum",
        unit="credits",
        sql_type="real",
        description="CPU credits that were spent beyond the earned ones and are charged for.",
        group="credits",
        needs=Need.BURSTABLE,
    ),
    Statistic(
        column="status_check_failed",
        metric="StatusCheckFailed",
        statistic="Maximum",
        unit="0 or 1",
        sql_type="real",
        description="1 where a status check failed in the hour. A broken machine looks idle.",
        group="status_check",
    ),
)
"""A metric's statistics follow each other: CloudWatch bills them once if asked in one call."""

DEFAULT: Statistics = tuple(entry for entry in CATALOGUE if not entry.group)
"""What every run reads of every instance."""


GROUPS = tuple(dict.fromkeys(entry.group for entry in CATALOGUE if entry.group))
"""The names that ``METRICS`` takes."""


@cache
def statistics_for(groups: frozenset[str], has: frozenset[Need]) -> Statistics:
    """What to read of a machine that ``has`` these, where ``groups`` are asked for.

    Memory needs no asking. Without any group and any agent it is ``DEFAULT``.
    """
    wanted = {"", MEMORY, *groups}
    return tuple(
        entry
        for entry in CATALOGUE
        if entry.group in wanted and (entry.needs is None or entry.needs in has)
    )
