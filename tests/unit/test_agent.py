"""Which series of a CloudWatch agent belongs to which machine."""

from __future__ import annotations

import pytest

from ingest_fn.pipeline.agent import AgentSeries, Learnt, NoMemory, memory_series
from ingest_fn.pipeline.machine import AUTO_SCALING_GROUP, Machine

ONE = Machine(
    "i-1",
    "m7g.large",
    "running",
    0,
    0,
    image_id="ami-1",
    host="ip-10-0-0-1",
    tags={AUTO_SCALING_GROUP: "web"},
)
TWIN = ONE._replace(instance_id="i-2")
LINUX, WINDOWS = "mem_used_percent", "Memory % Committed Bytes In Use"


def series(metric: str = LINUX, **dimensions: str) -> AgentSeries:
    return AgentSeries(metric, tuple(sorted(dimensions.items())))


BY_ID = series(InstanceId="i-1")
WHOLE = series(
    InstanceId="i-1", ImageId="ami-1", InstanceType="m7g.large", AutoScalingGroupName="web"
)
OLD_TYPE = series(InstanceId="i-1", ImageId="ami-1", InstanceType="m7g.xlarge")
NEW_TYPE = series(InstanceId="i-1", ImageId="ami-1", InstanceType="m7g.large")
BY_HOST = series(host="ip-10-0-0-1.eu-central-1.compute.internal")
ON_WINDOWS = series(WINDOWS, InstanceId="i-1", objectname="Memory")


@pytest.mark.parametrize(
    ("published", "learnt"),
    [
        ([], Learnt(None, NoMemory.NO_AGENT)),
        ([series(InstanceId="i-9"), series(AutoScalingGroupName="web"), series()], None),
        ([BY_ID], Learnt(BY_ID)),
        ([WHOLE], Learnt(WHOLE)),
        ([ON_WINDOWS], Learnt(ON_WINDOWS)),
        ([BY_HOST], Learnt(BY_HOST)),
        ([series(host="ip-10-0-0-1")], Learnt(series(host="ip-10-0-0-1"))),
        ([series(host="ip-10-0-0-11")], None),
        ([WHOLE, BY_ID], Learnt(BY_ID)),
        ([OLD_TYPE, NEW_TYPE], Learnt(NEW_TYPE)),
        ([OLD_TYPE], None),
        (
            [series(InstanceId="i-1", Stage="a"), series(InstanceId="i-1", Stage="b")],
            Learnt(None, NoMemory.SEVERAL_SERIES),
        ),
        ([BY_ID, BY_ID], Learnt(BY_ID)),
    ],
)
def test_the_series_to_ask_for(published: list[AgentSeries], learnt: Learnt | None) -> None:
    expected = learnt or Learnt(None, NoMemory.NO_AGENT)
    assert memory_series({"i-1": ONE}, published) == {"i-1": expected}


def test_a_host_name_that_two_machines_have_belongs_to_none() -> None:
    several = Learnt(None, NoMemory.SEVERAL_SERIES)
    assert memory_series({"i-1": ONE, "i-2": TWIN}, [BY_HOST]) == {"i-1": several, "i-2": several}
    found = memory_series({"i-1": ONE, "i-2": TWIN}, [BY_ID])
    assert found == {"i-1": Learnt(BY_ID), "i-2": Learnt(None, NoMemory.NO_AGENT)}
