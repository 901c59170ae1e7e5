"""The metric catalogue: every CloudWatch statistic that is kept, and the column that keeps it.

To add a metric: one entry here, and one revision that adds its column.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Statistic:
    """One CloudWatch statistic and the column of ``metrics`` that keeps it.

    ``sql_type`` is real, double precision or integer. ``group`` is the name by which ``METRICS``
    asks for it; empty: it is always read.
    """

    column: str
    metric: str
    statistic: str
    unit: str
    sql_type: str
    description: str
    namespace: str = "AWS/EC2"
    group: str = ""


Statistics = tuple[Statistic, ...]

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
        column="network_out",
        metric="NetworkOut",
        statistic="Sum",
        unit="bytes",
        sql_type="double precision",
        description="Bytes sent in the hour.",
    ),
)
"""A metric's statistics follow each other: CloudWatch bills them once if asked in one call."""

DEFAULT: Statistics = tuple(entry for entry in CATALOGUE if not entry.group)
"""What every run reads of every instance."""


@cache
def metrics_of(statistics: Statistics) -> dict[tuple[str, str], Statistics]:
    """The metrics that CloudWatch bills for, each (namespace, name), with their statistics."""
    metrics: dict[tuple[str, str], Statistics] = {}
    for entry in statistics:
        key = entry.namespace, entry.metric
        metrics[key] = (*metrics.get(key, ()), entry)
    return metrics
