"""What EC2 says of an instance, as far as it is kept and as metrics depend on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ingest_fn.pipeline.statistic import Need

RUNNING = frozenset({"pending", "running"})
GONE = frozenset({"shutting-down", "terminated"})
AUTO_SCALING_GROUP = "aws:autoscaling:groupName"


class Machine(NamedTuple):
    """One instance as DescribeInstances shows it. Times are epoch seconds.

    ``launched_at`` is the earliest time at which it is known to have existed: EC2's LaunchTime
    moves with every start, the attachment of the first network interface and of the root volume
    stays. ``started_at`` is that LaunchTime. ``state_since`` is the time that EC2 gives with the
    reason of a stop or termination; None where it gives none. ``platform`` is in the words of the
    column ``prices.operating_system``, ``state`` in EC2's. ``host`` is the first label of the
    private DNS name, by which some agents publish.
    """

    instance_id: str
    instance_type: str
    state: str
    launched_at: int
    started_at: int
    state_since: int | None = None
    name: str | None = None
    availability_zone: str | None = None
    platform: str = "Linux"
    lifecycle: str = "on-demand"
    architecture: str | None = None
    image_id: str | None = None
    host: str | None = None
    tags: Mapping[str, str] = {}

    @classmethod
    def undescribed(cls, instance_id: str) -> Machine:
        """A machine of which only the id is known: EC2 was not asked."""
        return cls(instance_id, "", "", 0, 0)

    def stopped_since(self, time: int) -> bool:
        """Whether EC2 says that it has been stopped since ``time`` or longer."""
        return self.state == "stopped" and self.state_since is not None and self.state_since <= time


@dataclass(frozen=True, slots=True)
class MachineType:
    """One EC2 instance type as DescribeInstanceTypes shows it; fields as in ``instance_types``."""

    instance_type: str
    vcpus: int
    memory_mib: int
    architecture: str
    gpus: int = 0
    instance_storage_gib: int = 0
    burst_baseline_percent: float | None = None
    network_baseline_mbps: float | None = None
    ebs_baseline_mbps: float | None = None
    ebs_maximum_mbps: float | None = None
    hypervisor: str | None = None

    @property
    def has(self) -> frozenset[Need]:
        """What machines of this type have that some metrics exist for only.

        Bare metal is Nitro without a hypervisor. Credits for EBS exist where the baseline is below
        the maximum.
        """
        found = set()
        if self.burst_baseline_percent is not None:
            found.add(Need.BURSTABLE)
        if self.hypervisor != "xen":
            found.add(Need.NITRO)
            if (self.ebs_baseline_mbps or 0) < (self.ebs_maximum_mbps or 0):
                found.add(Need.EBS_BURST)
        return frozenset(found)


CREDITS_PER_HOUR: Mapping[str, Mapping[str, float]] = {
    "t2": {
        "nano": 3,
        "micro": 6,
        "small": 12,
        "medium": 24,
        "large": 36,
        "xlarge": 54,
        "2xlarge": 81.6,
    },
    "t3": {
        "nano": 6,
        "micro": 12,
        "small": 24,
        "medium": 24,
        "large": 36,
        "xlarge": 96,
        "2xlarge": 192,
    },
}
"""CPU credits that a burstable type earns; t3a and t4g earn what t3 does. No API tells them:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html"""


def burst_baseline_percent(instance_type: str, vcpus: int) -> float | None:
    """CPU in percent of all vCPUs that a burstable type may use for ever; None for others.

    A credit is one vCPU for one minute, so the baseline is credits per hour ÷ 60 ÷ vCPUs.
    """
    family, _, size = instance_type.partition(".")
    family = "t3" if family in {"t3a", "t4g"} else family
    credits_earned = CREDITS_PER_HOUR.get(family, {}).get(size)
    return None if credits_earned is None else round(credits_earned / 60 / vcpus * 100, 2)
