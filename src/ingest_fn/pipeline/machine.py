"""What EC2 says of an instance, as far as it is kept and as metrics depend on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

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

    def stopped_since(self, time: int) -> bool:
        """Whether EC2 says that it has been stopped since ``time`` or longer."""
        return self.state == "stopped" and self.state_since is not None and self.state_since <= time
