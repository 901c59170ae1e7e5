"""Which CloudWatch series holds an instance's memory. Pure.

The CloudWatch agent publishes memory under dimensions that its configuration chooses: any of
InstanceId, ImageId, InstanceType and AutoScalingGroupName, further ones, or ``host`` alone. A read
must name exactly the published set, so the sets are learnt from ListMetrics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ingest_fn.pipeline.machine import AUTO_SCALING_GROUP, Machine

NAMESPACE = "CWAgent"
MEMORY_METRICS = ("mem_used_percent", "Memory % Committed Bytes In Use")
"""What the agent calls memory on Linux and on Windows, both in percent."""

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""


@dataclass(frozen=True, slots=True)
class AgentSeries:
    """One series of an agent: the metric and the whole set of dimensions that names it."""

    metric: str
    dimensions: Dimensions


class NoMemory(StrEnum):
    """Why ``memory_utilization`` is NULL."""

    NO_AGENT = "no_agent"
    SEVERAL_SERIES = "several_series"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Learnt:
    """The series of one instance, or why there is none. NO_DATA has a series that is silent."""

    series: AgentSeries | None
    reason: NoMemory | None = None


def memory_series(
    machines: Mapping[str, Machine], published: Iterable[AgentSeries]
) -> dict[str, Learnt]:
    """For every machine the one series to ask for, or the reason why there is none.

    An agent may publish the same value under several sets (``aggregation_dimensions``), and a
    machine that was resized has a series of its old type. What contradicts the machine does not
    count; of the rest the one with the fewest dimensions does, if there is only one such.
    """
    by_host = defaultdict(list)
    for one in machines.values():
        if one.host:
            by_host[one.host].append(one)
    candidates: dict[str, list[AgentSeries]] = defaultdict(list)
    shared = set[str]()
    for series in published:
        names = dict(series.dimensions)
        if "InstanceId" in names:
            owners = [machines[key] for key in (names["InstanceId"],) if key in machines]
        else:
            owners = by_host.get(names.get("host", "").partition(".")[0], [])
        owners = [machine for machine in owners if _agrees(machine, names)]
        if len(owners) > 1:
            shared |= {machine.instance_id for machine in owners}
        for machine in owners:
            candidates[machine.instance_id].append(series)
    return {key: _chosen(candidates[key], ambiguous=key in shared) for key in machines}


def _agrees(machine: Machine, names: Mapping[str, str]) -> bool:
    facts = {
        "ImageId": machine.image_id,
        "InstanceType": machine.instance_type,
        "AutoScalingGroupName": machine.tags.get(AUTO_SCALING_GROUP),
    }
    return all(not fact or names.get(name, fact) == fact for name, fact in facts.items())


def _chosen(candidates: list[AgentSeries], *, ambiguous: bool) -> Learnt:
    if not candidates:
        return Learnt(None, NoMemory.NO_AGENT)
    fewest = min(len(series.dimensions) for series in candidates)
    first = {series for series in candidates if len(series.dimensions) == fewest}
    if len(first) > 1 or ambiguous:
        return Learnt(None, NoMemory.SEVERAL_SERIES)
    return Learnt(first.pop())
