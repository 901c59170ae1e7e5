"""The shapes that travel down the pipeline: window, reading, rows, outcome.

All times are UTC. Inside the pipeline an hour is the epoch second at which it starts, because
CloudWatch speaks in those and a million datetimes are slow; the edges convert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ingest_fn.pipeline.agent import AgentSeries
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.statistic import Statistics

HOUR = timedelta(hours=1)
HOUR_SECONDS = 3600

Series = dict[int, float]
"""One statistic of one instance: start of the hour (epoch seconds) to value."""


@dataclass(frozen=True, slots=True)
class Window:
    """Whole UTC hours, closed-open: ``start <= hour < end``."""

    start: datetime
    end: datetime

    @property
    def hour_count(self) -> int:
        """How many hours the window holds."""
        return (self.end - self.start) // HOUR

    @property
    def hours(self) -> range:
        """The epoch second of every hour in the window."""
        return range(int(self.start.timestamp()), int(self.end.timestamp()), HOUR_SECONDS)


@dataclass(frozen=True, slots=True)
class Part:
    """The place of one run in a fan-out: part ``number`` of ``run_id``.

    ``quota_share`` is the part of CloudWatch's quota that it may use: its neighbours in the same
    account and Region use the rest.
    """

    run_id: str
    number: int
    quota_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances to read together: all of them over ``window``, each with all ``statistics``."""

    instance_ids: Sequence[str]
    window: Window
    statistics: Statistics = DEFAULT
    series: Mapping[str, AgentSeries] = field(default_factory=dict)
    """The series of the agent of each instance, where ``statistics`` hold memory."""

    @property
    def datapoints(self) -> int:
        """How many values CloudWatch may return, which is what its quota counts."""
        return len(self.instance_ids) * len(self.statistics) * self.window.hour_count


@dataclass(frozen=True, slots=True)
class Reading:
    """What CloudWatch said of one instance: a series for each statistic of its batch, in order.

    ``unread`` is the reason why something could not be read; None where all of it was.
    """

    instance_id: str
    series: Sequence[Series]
    unread: str | None = None

    @property
    def datapoints(self) -> int:
        """How many values CloudWatch returned, over all statistics."""
        return sum(map(len, self.series))


@dataclass(frozen=True, slots=True)
class Cost:
    """What CloudWatch was asked for, failed attempts included. Costs add up."""

    calls: int = 0
    metrics_billed: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.calls + other.calls, self.metrics_billed + other.metrics_billed)


NOTHING_ASKED = Cost()


@dataclass(frozen=True, slots=True)
class Fetched:
    """One batch's readings, with what CloudWatch was asked for them."""

    readings: Sequence[Reading]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Rows:
    """One batch for the store, by column; row k is element k of ``hour`` and of each of ``values``.

    ``instance_ids`` are all instances that were read, sorted, whether they have rows or not.
    Their rows follow each other in that order, ``counts`` says how many each has. ``hour`` holds
    epoch seconds, ``values`` one list for each of ``statistics`` with NaN where CloudWatch had
    nothing.
    """

    instance_ids: Sequence[str]
    counts: Sequence[int]
    hour: Sequence[int]
    values: Sequence[Sequence[float]]
    statistics: Statistics = DEFAULT

    def __len__(self) -> int:
        return len(self.hour)


@dataclass(frozen=True, slots=True)
class Change:
    """How many rows of one instance were inserted and updated; the others were there already."""

    inserted: int
    updated: int
    healed: int = 0
    """Those of them that are older than the hours that every run reads."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a store did with one batch of rows. An instance absent from ``changes`` had none."""

    created: frozenset[str]
    changes: Mapping[str, Change]


class Api(StrEnum):
    """CloudWatch's two ways to read statistics, and the way without it."""

    METRIC_DATA = "metric-data"
    METRIC_STATISTICS = "metric-statistics"
    SYNTHETIC = "synthetic"


class Outcome(StrEnum):
    """How it went with one instance; every instance asked for ends in exactly one of these."""

    OK = "ok"
    EMPTY = "empty"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class InstanceOutcome:
    """What happened to one instance: its datapoints and what became of them."""

    instance_id: str
    outcome: Outcome
    reason: str | None = None
    datapoints: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    healed: int = 0
    created: bool = False
    cpu: Series | None = field(default=None, compare=False, repr=False)
    """Mean CPU by hour, for whoever draws it."""


def utc(epoch_seconds: float) -> datetime:
    """The aware UTC datetime of an epoch second."""
    return datetime.fromtimestamp(epoch_seconds, UTC)


def zulu(time: datetime) -> str:
    """A UTC time as AWS writes it, to the second: ``2026-11-23T10:00:00Z``."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
