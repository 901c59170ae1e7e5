"""What a run is handed: what reads CloudWatch, what keeps rows and runs, and who watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ingest_fn.pipeline.arrears import Settlement
from ingest_fn.pipeline.model import Batch, Cost, Fetched, InstanceOutcome, Rows, Written
from ingest_fn.pipeline.result import RunInfo, RunResult


class MetricReader(Protocol):
    """Reads one batch. Raises AwsError, AccessDeniedError."""

    @property
    def spent(self) -> Cost:
        """All that was asked so far, also for batches that were given up."""

    def fetch(self, batch: Batch) -> Fetched:
        """The reading of every instance of ``batch``, in any order, none missing."""


class MetricSink(Protocol):
    """Keeps rows. Raises StoreError, StoreUnreachableError, SchemaError."""

    def write(self, rows: Rows) -> Written:
        """Store one batch in one transaction."""

    def preview(self, rows: Rows) -> Written:
        """What ``write`` would do, writing nothing."""


class Ledger(Protocol):
    """Keeps one row per run. Raises StoreError, StoreUnreachableError, SchemaError."""

    def begin(self, run: RunInfo) -> None:
        """Open the run's row; shows that the database is there and up to date."""

    def finish(self, result: RunResult, settlement: Settlement | None = None) -> None:
        """Close the run's row and keep what is owed; fills in what only the store knows.

        Without a ``settlement`` nothing of what was read counts as read.
        """


class Observer(Protocol):
    """Hears of the run as it goes: a progress bar, a table, nothing at all."""

    def started(self, run: RunInfo) -> None:
        """The request is good and the ids are known; nothing has been read yet."""

    def batch(self, outcomes: Sequence[InstanceOutcome]) -> None:
        """One batch is done; one outcome per instance."""


class NoObserver:
    """An observer that keeps quiet."""

    def started(self, run: RunInfo) -> None:
        """Say nothing."""

    def batch(self, outcomes: Sequence[InstanceOutcome]) -> None:
        """Say nothing."""
