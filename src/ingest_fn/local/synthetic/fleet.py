"""Who the machines are: a reproducible fleet, each machine labelled with what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random

from ingest_fn.pipeline.agent import MEMORY_METRICS, AgentSeries
from ingest_fn.pipeline.model import HOUR_SECONDS

DAY_SECONDS = 24 * HOUR_SECONDS


class Kind(StrEnum):
    """How a machine spends its time."""

    WEB = "web"
    BATCH = "batch"
    DATABASE = "database"
    IDLE = "idle"
    OVERSIZED = "oversized"
    UNDERSIZED = "undersized"
    OFFICE = "office hours"
    STOPPED_AT_NIGHT = "stopped at night"
    NEWLY_LAUNCHED = "newly launched"
    RESIZED = "resized"
    STOPPED = "stopped"
    THIN = "thin data"
    SPOT = "spot"


@dataclass(frozen=True, slots=True)
class Role:
    """What the machines of one kind have in common: name, types, and the verdict they should get.

    ``memory`` is the percent that they use, in the middle of the day.
    """

    name: str
    types: tuple[str, ...]
    verdict: str
    memory: float


ROLES = {
    Kind.WEB: Role("web", ("m7g.large", "c7g.xlarge"), "fine", 52),
    Kind.BATCH: Role("batch", ("c7g.2xlarge", "m7g.2xlarge"), "fine", 58),
    Kind.DATABASE: Role("db", ("r7g.xlarge", "r7g.2xlarge"), "fine", 66),
    Kind.IDLE: Role("wiki", ("t4g.medium", "m7g.large"), "idle", 14),
    Kind.OVERSIZED: Role("reports", ("m7g.4xlarge", "r7g.4xlarge"), "oversized", 18),
    Kind.UNDERSIZED: Role("search", ("m7g.large", "c7g.large"), "undersized", 61),
    Kind.OFFICE: Role("build", ("m7g.xlarge", "c7g.xlarge"), "switch_off", 49),
    Kind.STOPPED_AT_NIGHT: Role("test", ("m7g.xlarge", "m7g.large"), "fine", 50),
    Kind.NEWLY_LAUNCHED: Role("canary", ("m7g.large", "c7g.large"), "not_applicable", 52),
    Kind.RESIZED: Role("api", ("m7g.large", "c7g.xlarge"), "fine", 55),
    Kind.STOPPED: Role("archive", ("m7g.xlarge", "r7g.large"), "not_applicable", 40),
    Kind.THIN: Role("edge", ("m7g.large", "c7g.large"), "insufficient_data", 50),
    Kind.SPOT: Role("crawler", ("m7g.large", "c7g.xlarge"), "not_applicable", 57),
}

CYCLE = (
    Kind.WEB,
    Kind.IDLE,
    Kind.DATABASE,
    Kind.BATCH,
    Kind.OVERSIZED,
    Kind.STOPPED_AT_NIGHT,
    Kind.UNDERSIZED,
    Kind.NEWLY_LAUNCHED,
    Kind.OFFICE,
    Kind.THIN,
    Kind.WEB,
    Kind.RESIZED,
    Kind.IDLE,
    Kind.SPOT,
    Kind.WEB,
    Kind.DATABASE,
    Kind.STOPPED,
    Kind.OVERSIZED,
    Kind.WEB,
    Kind.IDLE,
)
"""Ten machines show every verdict, twenty every kind; a larger fleet repeats the mixture."""

TEAMS = ("payments", "search", "platform", "data")

_AGENTS: tuple[tuple[str, ...], ...] = (
    ("InstanceId",),
    ("InstanceId", "ImageId", "InstanceType"),
    ("host",),
)
"""The dimensions that agents publish memory under, by their configuration."""

_WITH_AGENT = {Kind.WEB, Kind.OVERSIZED, Kind.UNDERSIZED}


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine. Times are epoch seconds of whole hours.

    ``launched`` is the hour from which it has data. ``resized`` is when it came up with its present
    type, after an hour's stop; before that it had ``old_type``. ``stopped`` is the hour from which
    it is stopped for good. ``samples`` is how many CPU samples a full hour has: 12 with basic
    monitoring, 60 with detailed. ``level`` (0.9 to 1.1) sets it apart from others of its kind.
    ``agent`` is the series under which an agent publishes its memory; None: there is no agent.
    """

    instance_id: str
    kind: Kind
    instance_type: str
    samples: int
    level: float
    launched: int
    seed: str
    name: str
    team: str
    environment: str
    availability_zone: str
    image_id: str
    host: str
    resized: int | None = None
    old_type: str | None = None
    stopped: int | None = None
    agent: AgentSeries | None = None

    @property
    def verdict(self) -> str:
        """What an optimizer should say after two weeks: a word of the view ``verdicts``."""
        return ROLES[self.kind].verdict

    @property
    def idle(self) -> bool:
        """Whether an optimizer should find it idle."""
        return self.verdict == "idle"

    @property
    def oversized(self) -> bool:
        """Whether an optimizer should find it too large."""
        return self.verdict == "oversized"

    @property
    def label(self) -> str:
        """What it is, in a few words: ``web, m7g.large``."""
        return f"{self.kind}, {self.instance_type}"

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags in EC2."""
        return {"Name": self.name, "Team": self.team, "Environment": self.environment}


def make_fleet(count: int, seed: int, until: datetime) -> Iterator[Machine]:
    """``count`` machines, the same for the same ``seed``; a smaller fleet begins a larger one.

    Newly launched machines came up within the 20 hours before ``until``, resized ones changed five
    days before it, and stopped ones have not run for at least a month.
    """
    end = int(until.timestamp())
    for number in range(count):
        identity = f"{seed}/{number}"
        random = Random(identity)  # noqa: S311  reproducible, not secret
        kind = CYCLE[number % len(CYCLE)]
        age = random.randrange(3, 20) * HOUR_SECONDS
        instance_id = f"i-{random.getrandbits(68):017x}"
        instance_type = random.choice(ROLES[kind].types)
        samples = random.choice((12, 12, 60))
        level = random.uniform(0.9, 1.1)
        long_ago = random.randrange(500, 900) * DAY_SECONDS
        image_id = f"ami-{random.getrandbits(68):017x}"
        host = f"ip-10-{random.randrange(256)}-{number // 250 % 256}-{number % 250 + 4}"
        dimensions = random.choice(_AGENTS)
        has_agent = kind in _WITH_AGENT or random.random() < 0.5
        values = {
            "InstanceId": instance_id,
            "ImageId": image_id,
            "InstanceType": instance_type,
            "host": f"{host}.eu-central-1.compute.internal",
        }
        series = tuple(sorted((name, values[name]) for name in dimensions))
        yield Machine(
            instance_id=instance_id,
            kind=kind,
            instance_type=instance_type,
            samples=samples,
            level=level,
            launched=end - (age if kind is Kind.NEWLY_LAUNCHED else long_ago),
            seed=identity,
            name=f"{ROLES[kind].name}-{number + 1}",
            team=random.choice(TEAMS),
            environment=random.choice(("prod", "prod", "dev")),
            availability_zone=f"eu-central-1{random.choice('abc')}",
            image_id=image_id,
            host=host,
            resized=end - 5 * DAY_SECONDS if kind is Kind.RESIZED else None,
            old_type="m7g.xlarge" if kind is Kind.RESIZED else None,
            stopped=end - random.randrange(30, 60) * DAY_SECONDS if kind is Kind.STOPPED else None,
            agent=AgentSeries(MEMORY_METRICS[0], series) if has_agent else None,
        )
