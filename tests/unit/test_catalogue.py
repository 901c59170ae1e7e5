"""Which metrics are read of which machine."""

from __future__ import annotations

from itertools import groupby

import pytest

from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.catalogue import CATALOGUE, DEFAULT, GROUPS, statistics_for
from ingest_fn.pipeline.machine import MachineType
from ingest_fn.pipeline.statistic import Need, metrics_of
from ingest_fn.variables import SETTINGS

LARGE = MachineType("m7g.4xlarge", 16, 65_536, "arm64", hypervisor="nitro")
SMALL = MachineType(
    "t4g.small",
    2,
    2_048,
    "arm64",
    burst_baseline_percent=20,
    ebs_baseline_mbps=174,
    ebs_maximum_mbps=2_085,
    hypervisor="nitro",
)
OLD = MachineType("m4.large", 2, 8_192, "x86_64", hypervisor="xen")
METAL = MachineType("m7g.metal", 64, 262_144, "arm64")


def billed(has: frozenset[Need], *groups: str) -> set[str]:
    """The metrics beside the three of every machine."""
    asked = metrics_of(statistics_for(frozenset(groups), has))
    return {metric for _, metric in asked} - {metric for _, metric in metrics_of(DEFAULT)}


def test_nothing_further_is_read_unless_it_is_asked_for() -> None:
    assert statistics_for(frozenset(), frozenset()) == DEFAULT
    assert len(metrics_of(DEFAULT)) == 3
    assert not billed(SMALL.has)


@pytest.mark.parametrize(
    ("has", "groups", "metrics"),
    [
        (LARGE.has, ["network_max"], set()),
        (SMALL.has, ["credits"], {"CPUCreditBalance", "CPUSurplusCreditsCharged"}),
        (LARGE.has, ["credits", "status_check"], {"StatusCheckFailed"}),
        (OLD.has, ["ebs"], set()),
        (LARGE.has, ["ebs"], {"EBSReadBytes", "EBSWriteBytes", "EBSReadOps", "EBSWriteOps"}),
        (METAL.has, ["ebs"], {"EBSReadBytes", "EBSWriteBytes", "EBSReadOps", "EBSWriteOps"}),
        (frozenset({Need.EBS_BURST}), ["ebs"], {"EBSIOBalance%", "EBSByteBalance%"}),
        (frozenset({Need.AGENT}), [], {"mem_used_percent"}),
    ],
)
def test_a_machine_is_asked_for_what_it_can_have(
    has: frozenset[Need], groups: list[str], metrics: set[str]
) -> None:
    assert billed(has, *groups) == metrics


def test_what_types_have() -> None:
    assert SMALL.has == {Need.BURSTABLE, Need.NITRO, Need.EBS_BURST}
    assert LARGE.has == METAL.has == {Need.NITRO}
    assert OLD.has == frozenset()


def test_the_statistics_of_a_metric_follow_each_other() -> None:
    """CloudWatch bills them once if they are asked in one call."""
    runs = [key for key, _ in groupby(CATALOGUE, key=lambda entry: (entry.namespace, entry.metric))]
    assert len(runs) == len(set(runs))
    assert len({entry.column for entry in CATALOGUE}) == len(CATALOGUE)


def test_an_unknown_name_is_refused_by_name() -> None:
    setting = SETTINGS["METRICS"]
    assert setting.value({}) is None
    assert setting.value({"METRICS": ", ".join(GROUPS)}) == set(GROUPS)
    with pytest.raises(ConfigurationError, match="METRICS is 'ebs disk'") as caught:
        setting.value({"METRICS": "ebs disk"})
    assert "network_max, memory, ebs, credits, status_check" in caught.value.hint
