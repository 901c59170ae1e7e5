"""The story of one run: batches of instances are read, made into rows, stored and accounted for.

Pure but for the two parts it is handed: something that reads CloudWatch and something that keeps
rows. Both may be slow, fail, or be a fake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event

from ingest_fn.errors import (
    ConfigurationError,
    IncompleteRunError,
    IngestError,
    StoreError,
    StoreUnreachableError,
    UnexpectedError,
)
from ingest_fn.pipeline.arrears import Settlement
from ingest_fn.pipeline.flow import in_flight
from ingest_fn.pipeline.model import (
    NOTHING_ASKED,
    Batch,
    Cost,
    InstanceOutcome,
    Outcome,
    Rows,
    Written,
)
from ingest_fn.pipeline.plan import Plan
from ingest_fn.pipeline.ports import Ledger, MetricReader, MetricSink, Observer
from ingest_fn.pipeline.result import RunResult
from ingest_fn.pipeline.rows import make_rows, outcomes_of

HOPELESS = (ConfigurationError, StoreUnreachableError)
"""Errors that every other batch would meet as well: the run stops instead of repeating them."""

OUT_OF_TIME = IngestError("The run's time was up before this instance was read and stored.")


def run(
    result: RunResult,
    plan: Plan,
    reader: MetricReader,
    sink: MetricSink,
    ledger: Ledger,
    *,
    observer: Observer,
    workers: int,
    time_left: Callable[[], float],
    recall: Callable[[], None] = lambda: None,
) -> RunResult:
    """Read and store every instance of ``plan``, keep the ledger, and return the full result.

    ``time_left`` gives the seconds until the run must be over; ``recall`` ends what the store is
    still busy with by then. Whatever happens once the ledger's row is open, also an interrupt,
    closes it. Raises IncompleteRunError, after
    all that could be stored is, where an instance was not wholly read and stored; the error
    itself (a ConfigurationError or StoreUnreachableError) where it left nothing stored.
    """
    dry_run = result.run.dry_run
    if not dry_run:
        ledger.begin(result.run)
    over, settlement = Event(), Settlement(plan.due)

    def time_is_up() -> None:
        over.set()
        recall()

    try:
        observer.started(result.run)
        stopped = _work(
            result,
            in_flight(
                _Worker(reader, sink.preview if dry_run else sink.write, over).ingest,
                plan.batches(),
                workers=workers,
                keep_going=lambda: result.error is None,
                time_left=time_left,
                time_is_up=time_is_up,
            ),
            settlement,
            observer,
        )
        result.cost = reader.spent
    except BaseException as error:
        time_is_up()
        result.cost = reader.spent
        result.error = _last_words(error)
        if not dry_run:
            with suppress(StoreError):
                ledger.finish(result)
        raise
    if not dry_run:
        try:
            ledger.finish(result, settlement)
        except StoreError as error:
            stopped = stopped or error
            result.error = result.error or str(error)
    if stopped is not None and not result.stored_any:
        raise stopped
    if result.counts.incomplete or stopped is not None:
        raise IncompleteRunError(result)
    return result


def _work(
    result: RunResult,
    ended: Iterator[tuple[Batch, _Ended | None]],
    settlement: Settlement,
    observer: Observer,
) -> IngestError | None:
    """Count every batch as it is done; the error that stopped the run, if one did."""
    stopped: IngestError | None = None
    for batch, done in ended:
        end = done or _lost(batch, stopped or OUT_OF_TIME)
        if end.hopeless is not None and stopped is None:
            stopped = end.hopeless
            result.error = str(stopped)
        result.add(end.outcomes, end.cost)
        settlement.add(batch, end.outcomes)
        observer.batch(end.outcomes)
    return stopped


def _last_words(error: BaseException) -> str:
    """What the ledger says of a run that ``error`` ended."""
    if isinstance(error, IngestError):
        return str(error)
    if isinstance(error, Exception):
        return str(UnexpectedError(error))
    return "The run was interrupted."


@dataclass(frozen=True, slots=True)
class _Ended:
    """One batch, done: its outcomes, its cost, and why the run cannot go on, if it cannot."""

    outcomes: Sequence[InstanceOutcome]
    cost: Cost = NOTHING_ASKED
    hopeless: IngestError | None = None


@dataclass(frozen=True, slots=True)
class _Worker:
    """Carries batches from CloudWatch to the store, each in a thread of its own."""

    reader: MetricReader
    keep: Callable[[Rows], Written]
    over: Event

    def ingest(self, batch: Batch) -> _Ended:
        """One batch, whole. Its failure is its own: the neighbours go on."""
        try:
            fetched = self.reader.fetch(batch)
        except IngestError as error:
            return _lost(batch, error)
        except Exception as error:  # noqa: BLE001  the neighbours go on, and the reason is kept
            return _lost(batch, UnexpectedError(error))
        if self.over.is_set():
            return _lost(batch, OUT_OF_TIME, fetched.cost)
        try:
            rows = make_rows(fetched.readings, batch.statistics)
            written = self.keep(rows)
        except IngestError as error:
            return _lost(batch, error, fetched.cost)
        except Exception as error:  # noqa: BLE001  the neighbours go on, and the reason is kept
            return _lost(batch, UnexpectedError(error), fetched.cost)
        return _Ended(list(outcomes_of(fetched.readings, rows, written)), fetched.cost)


def _lost(batch: Batch, error: IngestError, cost: Cost | None = None) -> _Ended:
    outcomes = [
        InstanceOutcome(id_, Outcome.FAILED, reason=error.message) for id_ in batch.instance_ids
    ]
    return _Ended(outcomes, cost or NOTHING_ASKED, error if isinstance(error, HOPELESS) else None)
