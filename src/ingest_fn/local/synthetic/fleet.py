"""Who the machines are: a reproducible fleet, each machine labelled with what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random

from ingest_fn.pipeline.model import HOUR_SECONDS


class Kind(StrEnum):
    """How a machine spends its time."""

    WEB = "web"
    BATCH = "batch"
    DATABASE = "database"
    IDLE = "idle"
    OVERSIZED = "oversized"
    STOPPED_AT_NIGHT = "stopped at night"
    NEWLY_LAUNCHED = "newly launched"


TYPES = {
    Kind.WEB: ("m7g.large", "c7g.xlarge"),
    Kind.BATCH: ("c7g.2xlarge", "m7g.2xlarge"),
    Kind.DATABASE: ("r7g.xlarge", "r7g.2xlarge"),
    Kind.IDLE: ("t4g.medium", "m7g.large"),
    Kind.OVERSIZED: ("m7g.4xlarge", "r7g.4xlarge"),
    Kind.STOPPED_AT_NIGHT: ("m7g.xlarge", "t4g.large"),
    Kind.NEWLY_LAUNCHED: ("m7g.large", "c7g.large"),
}

CYCLE = (
    Kind.WEB,
    Kind.IDLE,
    Kind.DATABASE,
    Kind.BATCH,
    Kind.OVERSIZED,
    Kind.STOPPED_AT_NIGHT,
    Kind.WEB,
    Kind.NEWLY_LAUNCHED,
    Kind.IDLE,
    Kind.WEB,
)
"""Ten machines show every kind; a larger fleet repeats the mixture."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine. ``launched`` is the epoch second from which it has data, if it has not always.

    ``samples`` is how many CPU samples a full hour has: 12 with basic monitoring, 60 with detailed.
    ``level`` (0.75 to 1.25) sets it apart from others of its kind.
    """

    instance_id: str
    kind: Kind
    instance_type: str
    samples: int
    level: float
    launched: int | None
    seed: str

    @property
    def idle(self) -> bool:
        """Whether an optimizer should find it idle."""
        return self.kind is Kind.IDLE

    @property
    def oversized(self) -> bool:
        """Whether an optimizer should find it too large."""
        return self.kind is Kind.OVERSIZED

    @property
    def label(self) -> str:
        """What it is, in a few words: ``web, m7g.large``."""
        return f"{self.kind}, {self.instance_type}"


def make_fleet(count: int, seed: int, until: datetime) -> Iterator[Machine]:
    """``count`` machines, the same for the same ``seed``; a smaller fleet begins a larger one.

    Newly launched machines came up within the 20 hours before ``until``.
    """
    for number in range(count):
        identity = f"{seed}/{number}"
        random = Random(identity)  # noqa: S311  reproducible, not secret
        kind = CYCLE[number % len(CYCLE)]
        age = random.randrange(3, 20) * HOUR_SECONDS
        yield Machine(
            instance_id=f"i-{random.getrandbits(68):017x}",
            kind=kind,
            instance_type=random.choice(TYPES[kind]),
            samples=random.choice((12, 12, 60)),
            level=random.uniform(0.75, 1.25),
            launched=int(until.timestamp()) - age if kind is Kind.NEWLY_LAUNCHED else None,
            seed=identity,
        )
