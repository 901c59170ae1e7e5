"""What is to be read of each instance. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ingest_fn.pipeline.agent import AgentSeries, Learnt
from ingest_fn.pipeline.catalogue import DEFAULT, statistics_for
from ingest_fn.pipeline.machine import MachineType
from ingest_fn.pipeline.statistic import Need, Statistics, metrics_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """The statistics of each instance; one that is not named has ``DEFAULT``.

    ``series`` are those of CloudWatch agents, for the instances whose memory is read.
    """

    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    series: Mapping[str, AgentSeries] = field(default_factory=dict)

    def metrics(self, instance_ids: Collection[str]) -> int:
        """How many metrics CloudWatch bills for these instances."""
        return sum(
            len(metrics_of(statistics)) * len(ids)
            for statistics, ids in self.alike([*instance_ids])
        )

    def alike(self, instance_ids: Sequence[str]) -> Iterator[tuple[Statistics, Sequence[str]]]:
        """The instances, those with the same statistics together and in their order."""
        if not self.statistics:
            yield DEFAULT, instance_ids
            return
        groups: dict[Statistics, list[str]] = defaultdict(list)
        for instance_id in instance_ids:
            groups[self.statistics.get(instance_id, DEFAULT)].append(instance_id)
        yield from groups.items()


ONLY_DEFAULT = Wanted()


def wanted_of(
    instance_ids: Collection[str],
    groups: frozenset[str],
    types: Mapping[str, MachineType],
    learnt: Mapping[str, Learnt],
) -> Wanted:
    """What to read of ``instance_ids``: the ``groups`` of METRICS as far as their type has them.

    ``types`` are the types of instances and ``learnt`` their agents, both as far as known.
    """
    if not (groups or types or learnt):
        return ONLY_DEFAULT
    agents = {key: one.series for key, one in learnt.items() if one.series is not None}
    statistics: dict[str, Statistics] = {}
    for instance_id in instance_ids:
        has = types[instance_id].has if instance_id in types else frozenset()
        if instance_id in agents:
            has |= {Need.AGENT}
        found = statistics_for(groups, has)
        if found != DEFAULT:
            statistics[instance_id] = found
    return Wanted(statistics, agents)
