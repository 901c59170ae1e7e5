"""What one run did: the result of the contract, and the one place that adds it up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ingest_fn.pipeline.model import Api, InstanceOutcome, Outcome, Part, Window, zulu
from ingest_fn.pipeline.pricing import run_cost

MAX_FAILURES_LISTED = 500
"""A result is a message: a hundred thousand reasons would not fit an SQS queue's 256 KB."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The identity of one run: who started it, to read what."""

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


@dataclass(slots=True)
class RunResult:
    """One run's tally. Add batches and it stays consistent; ``as_dict`` is the contract's shape."""

    run: RunInfo
    runs_a_month: int
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    created: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    calls: int = 0
    metrics_billed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None
    newest_hour_age: float | None = None
    """Seconds since the newest stored hour of any instance ended; None where none is stored."""

    def add(self, outcomes: Iterable[InstanceOutcome], *, calls: int, metrics_billed: int) -> None:
        """Count one batch."""
        self.calls += calls
        self.metrics_billed += metrics_billed
        for line in outcomes:
            self.outcomes[line.outcome] += 1
            self.created += line.created
            self.inserted += line.inserted
            self.updated += line.updated
            self.unchanged += line.unchanged
            if line.reason is not None and len(self.failures) < MAX_FAILURES_LISTED:
                self.failures.append((line.instance_id, line.reason))

    @property
    def incomplete(self) -> int:
        """How many instances were not wholly read and stored."""
        return self.outcomes[Outcome.PARTIAL] + self.outcomes[Outcome.FAILED]

    @property
    def stored_any(self) -> bool:
        """Whether any instance was read and, unless this is a dry run, stored."""
        return self.outcomes[Outcome.FAILED] < self.run.requested

    @property
    def status(self) -> str:
        """``ok``, ``partial`` where something is missing, ``failed`` where everything is."""
        if not self.incomplete and self.error is None:
            return "ok"
        return "partial" if self.stored_any else "failed"

    @property
    def estimated_cost_usd(self) -> float:
        """What CloudWatch charges for the run; the free requests are shared out over the month."""
        return run_cost(self.run.api, self.metrics_billed, self.runs_a_month)

    def summary(self) -> str:
        """One sentence on a run that is not whole, with the first reason."""
        first = ""
        if self.failures:
            instance_id, reason = self.failures[0]
            first = f" First: {instance_id}: {reason}"
        return (
            f"{self.incomplete} of {self.run.requested} instances were not wholly read and stored "
            f"(run {self.run.run_id}, {self.status}).{first}"
        )

    def as_dict(self) -> dict[str, Any]:
        """The handler's result, ready for JSON."""
        window = self.run.window
        return {
            "status": self.status,
            "run_id": self.run.run_id,
            "trigger": self.run.trigger,
            "account_id": self.run.account_id,
            "region": self.run.region,
            "dry_run": self.run.dry_run,
            "window": {"start": zulu(window.start), "end": zulu(window.end)},
            "instances": {
                "requested": self.run.requested,
                **{outcome.value: count for outcome, count in self.outcomes.items()},
                "created": self.created,
            },
            "rows": {
                "inserted": self.inserted,
                "updated": self.updated,
                "unchanged": self.unchanged,
            },
            "cloudwatch": {
                "api": self.run.api.value,
                "calls": self.calls,
                "metrics_billed": self.metrics_billed,
                "estimated_cost_usd": round(self.estimated_cost_usd, 6),
            },
            "failures": [{"instance_id": id_, "reason": reason} for id_, reason in self.failures],
            "failures_not_listed": self.incomplete - len(self.failures),
        }
