"""The story of one run: batches of instances are read, made into rows, stored and accounted for.

Pure but for the two parts it is handed: something that reads CloudWatch and something that keeps
rows. Both may be slow, fail, or be a fake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from ingest_fn.errors import (
    ConfigurationError,
    IncompleteRunError,
    IngestError,
    StoreUnreachableError,
)
from ingest_fn.pipeline.flow import in_flight
from ingest_fn.pipeline.model import Fetched, InstanceOutcome, Outcome, Rows, Window, Written
from ingest_fn.pipeline.plan import Plan
from ingest_fn.pipeline.result import RunResult
from ingest_fn.pipeline.rows import make_rows, outcomes_of

HOPELESS = (ConfigurationError, StoreUnreachableError)
"""Errors that every other batch would meet as well: the run stops instead of repeating them."""

OUT_OF_TIME = IngestError("The run's time was up before this instance was read and stored.")


class CloudWatch(Protocol):
    """Reads one batch. Raises AwsError, AccessDeniedError."""

    def fetch(self, instance_ids: Sequence[str], window: Window) -> Fetched:
        """Every instance's reading, in any order, none missing."""


class Store(Protocol):
    """Keeps rows and the ledger. Raises StoreError, StoreUnreachableError, SchemaError."""

    def begin(self, result: RunResult) -> None:
        """Open the run's line in the ledger; shows that the database is there and up to date."""

    def write(self, rows: Rows) -> Written:
        """Store one batch in one transaction."""

    def preview(self, rows: Rows) -> Written:
        """What ``write`` would do, writing nothing."""

    def finish(self, result: RunResult) -> float | None:
        """Close the run's line in the ledger; the age of the newest stored hour, in seconds."""


class Observer(Protocol):
    """Hears of the run as it goes: a progress bar, a table, nothing at all."""

    def started(self, result: RunResult) -> None:
        """The request is good and the ids are known; nothing has been read yet."""

    def batch(self, lines: Sequence[InstanceOutcome]) -> None:
        """One batch is done; one line an instance."""


def run(
    result: RunResult,
    plan: Plan,
    cloudwatch: CloudWatch,
    store: Store,
    observer: Observer,
    *,
    workers: int,
    time_left: Callable[[], float],
) -> RunResult:
    """Read and store every instance of ``plan``, keep the ledger, and return the full result.

    ``time_left`` gives the seconds until the run must be over. Raises IncompleteRunError, after
    all that could be stored is, where an instance was not wholly read and stored; the error
    itself (a ConfigurationError or StoreUnreachableError) where it left nothing stored.
    """
    dry_run = result.run.dry_run
    if not dry_run:
        store.begin(result)
    observer.started(result)
    stopped: IngestError | None = None
    hopeless, over = Event(), Event()
    worker = _Worker(result.run.window, cloudwatch, store.preview if dry_run else store.write, over)
    for ids, done in in_flight(
        worker.ingest,
        plan.batches(),
        workers=workers,
        keep_going=lambda: not hopeless.is_set(),
        time_left=time_left,
    ):
        if done is None:
            over.set()
        batch = done or _lost(ids, stopped or OUT_OF_TIME)
        if batch.hopeless is not None:
            stopped = stopped or batch.hopeless
            hopeless.set()
        result.add(batch.lines, calls=batch.calls, metrics_billed=batch.metrics_billed)
        observer.batch(batch.lines)
    result.error = str(stopped) if stopped else None
    if not dry_run and not isinstance(stopped, StoreUnreachableError):
        result.newest_hour_age = store.finish(result)
    if stopped is not None and not result.stored_any:
        raise stopped
    if result.incomplete:
        raise IncompleteRunError(result)
    return result


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch, done: its lines, what it cost, and why the run cannot go on, if so."""

    lines: Sequence[InstanceOutcome]
    calls: int = 0
    metrics_billed: int = 0
    hopeless: IngestError | None = None


@dataclass(frozen=True, slots=True)
class _Worker:
    """Takes batches from CloudWatch to the store, each in a thread of its own."""

    window: Window
    cloudwatch: CloudWatch
    keep: Callable[[Rows], Written]
    over: Event

    def ingest(self, ids: Sequence[str]) -> _Batch:
        """One batch, whole. Its failure is its own: the neighbours go on."""
        try:
            fetched = self.cloudwatch.fetch(ids, self.window)
        except IngestError as error:
            return _lost(ids, error)
        cost = fetched.calls, fetched.metrics_billed
        if self.over.is_set():
            return _lost(ids, OUT_OF_TIME, *cost)
        try:
            rows = make_rows(fetched.readings)
            written = self.keep(rows)
        except IngestError as error:
            return _lost(ids, error, *cost)
        return _Batch(list(outcomes_of(fetched.readings, rows, written)), *cost)


def _lost(ids: Sequence[str], error: IngestError, calls: int = 0, billed: int = 0) -> _Batch:
    lines = [InstanceOutcome(id_, Outcome.FAILED, reason=error.message) for id_ in ids]
    return _Batch(lines, calls, billed, error if isinstance(error, HOPELESS) else None)
