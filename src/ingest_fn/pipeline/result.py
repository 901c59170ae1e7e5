"""What one run did, and the one place that adds it up. docs/results.md describes the JSON."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from ingest_fn.errors import printable
from ingest_fn.pipeline.model import (
    NOTHING_ASKED,
    Api,
    Cost,
    InstanceOutcome,
    Outcome,
    Part,
    Window,
    zulu,
)
from ingest_fn.pipeline.pricing import run_cost

MAX_FAILURES_LISTED = 500
LONGEST_REASON = 300
LONGEST_LIST = 200_000
"""Characters of JSON. A result is a message and a log line: Lambda, SQS and CloudWatch Logs each
take 256 KB, and the ledger need not keep the same reason a hundred thousand times."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The identity of one run: who started it, to read what. Made once, after the plan."""

    run_id: str
    trigger: str
    region: str
    window: Window
    dry_run: bool
    api: Api
    requested: int
    account_id: str | None = None
    """None: the function's own."""
    part: Part | None = None
    not_due: int = 0
    """Chosen instances that this run need not read."""
    reads_from: datetime | None = None
    """First hour that any instance is read from, where that is before the window."""
    freshness_hours: int = 1
    plan_reason: str = ""
    group: str | None = None
    """The group whose marks this run moves; None: it has a window of its own."""
    warnings: tuple[str, ...] = ()
    """What did not keep the run from its work, and should be known."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A run that never began: as much of its identity as is known. ``window`` None: not known."""

    trigger: str
    region: str
    api: Api
    window: Window | None = None
    account_id: str | None = None
    part: Part | None = None
    requested: int = 0
    """How many instances the event names; none of them was read."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Instances by outcome and rows by change. Counts add up."""

    ok: int = 0
    empty: int = 0
    partial: int = 0
    failed: int = 0
    created: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    healed: int = 0

    @classmethod
    def of(cls, outcomes: Collection[InstanceOutcome]) -> Counts:
        """The counts of one batch."""
        ends = [line.outcome for line in outcomes]
        return cls(
            **{outcome.value: ends.count(outcome) for outcome in Outcome},
            created=sum(line.created for line in outcomes),
            inserted=sum(line.inserted for line in outcomes),
            updated=sum(line.updated for line in outcomes),
            unchanged=sum(line.unchanged for line in outcomes),
            healed=sum(line.healed for line in outcomes),
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Counts)))

    @property
    def instances(self) -> int:
        """How many instances are accounted for."""
        return self.ok + self.empty + self.partial + self.failed

    @property
    def incomplete(self) -> int:
        """How many instances were not wholly read and stored."""
        return self.partial + self.failed

    def as_dict(self) -> dict[str, dict[str, int]]:
        """The two parts of the result that are counts."""
        return {
            "instances": {name: getattr(self, name) for name in (*Outcome, "created")},
            "rows": {name: getattr(self, name) for name in ("inserted", "updated", "unchanged")},
        }


NOTHING_COUNTED = Counts()


@dataclass(slots=True)
class RunResult:
    """The tally of one run. Add batches and it stays consistent."""

    run: RunInfo
    runs_a_month: int
    counts: Counts = NOTHING_COUNTED
    cost: Cost = NOTHING_ASKED
    failures: list[tuple[str, str]] = field(default_factory=list)
    listed: int = 0
    """Characters of JSON in ``failures``."""
    error: str | None = None
    owed_hours: int = 0
    newest_hour_age: float | None = None
    """Seconds since the newest stored hour of any instance ended; None where none is stored."""

    def add(self, outcomes: Collection[InstanceOutcome], cost: Cost) -> None:
        """Count one batch."""
        self.counts += Counts.of(outcomes)
        self.cost += cost
        for line in outcomes:
            if line.reason is not None and len(self.failures) < MAX_FAILURES_LISTED:
                self._list(line.instance_id, printable(line.reason, LONGEST_REASON))

    def _list(self, instance_id: str, reason: str) -> None:
        size = len(ascii(reason)) + len(instance_id) + 40
        if self.listed + size <= LONGEST_LIST:
            self.listed += size
            self.failures.append((instance_id, reason))

    @property
    def stored_any(self) -> bool:
        """Whether any instance was read and, unless this is a dry run, stored."""
        return self.counts.failed < self.run.requested

    @property
    def status(self) -> str:
        """``ok``, ``partial`` where something is missing, ``failed`` where everything is."""
        if not self.counts.incomplete and self.error is None:
            return "ok"
        return "partial" if self.stored_any else "failed"

    @property
    def estimated_cost_usd(self) -> float:
        """What CloudWatch charges for the run; the free requests are shared out over the month."""
        return run_cost(self.run.api, self.cost.metrics_billed, self.runs_a_month)

    def summary(self) -> str:
        """One sentence on a run that is not whole, with the first reason."""
        first = ""
        if self.failures:
            instance_id, reason = self.failures[0]
            first = f" First: {instance_id}: {reason}"
        return (
            f"{self.counts.incomplete} of {self.run.requested} instances were not wholly read and "
            f"stored (run {self.run.run_id}, {self.status}).{first}"
        )

    def as_dict(self) -> dict[str, Any]:
        """The handler's result, ready for JSON."""
        run, counts = self.run, self.counts.as_dict()
        return {
            "status": self.status,
            "run_id": run.run_id,
            "trigger": run.trigger,
            "account_id": run.account_id,
            "region": run.region,
            "dry_run": run.dry_run,
            "window": {"start": zulu(run.window.start), "end": zulu(run.window.end)},
            "instances": {
                "requested": run.requested,
                **counts["instances"],
                "not_due": run.not_due,
            },
            "rows": counts["rows"],
            "hours": {"owed": self.owed_hours, "healed": self.counts.healed},
            "plan": {"freshness_hours": run.freshness_hours, "reason": run.plan_reason},
            "cloudwatch": {
                "api": run.api.value,
                "calls": self.cost.calls,
                "metrics_billed": self.cost.metrics_billed,
                "estimated_cost_usd": round(self.estimated_cost_usd, 6),
            },
            "failures": [{"instance_id": id_, "reason": reason} for id_, reason in self.failures],
            "failures_not_listed": self.counts.incomplete - len(self.failures),
            "warnings": list(run.warnings),
        }
