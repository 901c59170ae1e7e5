"""What a statistic of the metric catalogue is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Need(StrEnum):
    """What some metrics exist for only."""

    BURSTABLE = "burstable"
    NITRO = "nitro"
    EBS_BURST = "ebs_burst"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Statistic:
    """One CloudWatch statistic and the column of ``metrics`` that keeps it.

    ``sql_type`` is real, double precision or integer. ``group`` is the name by which ``METRICS``
    asks for it; empty: it is always read. ``needs`` is what a machine must have for the metric to
    exist; None: every machine has it.
    """

    column: str
    metric: str
    statistic: str
    unit: str
    sql_type: str
    description: str
    namespace: str = "AWS/EC2"
    group: str = ""
    needs: Need | None = None


Statistics = tuple[Statistic, ...]


@cache
def metrics_of(statistics: Statistics) -> dict[tuple[str, str], Statistics]:
    """The metrics that CloudWatch bills for, each (namespace, name), with their statistics."""
    metrics: dict[tuple[str, str], Statistics] = {}
    for entry in statistics:
        key = entry.namespace, entry.metric
        metrics[key] = (*metrics.get(key, ()), entry)
    return metrics
