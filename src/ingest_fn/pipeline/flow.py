"""Batches in flight: so many at once, so many a second, and none begun that could not finish."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import Empty, Queue
from threading import Lock, Thread
from time import monotonic, sleep
from typing import TypeVar, cast

from ingest_fn.errors import AwsError

Batch = TypeVar("Batch")
Done = TypeVar("Done")

STOP_STARTING = 20.0
"""Seconds before the deadline from which no batch is begun: a call's read timeout and a write."""

STOP_WAITING = 6.0
"""Seconds before the deadline kept for the ledger, the log and the result."""

GRACE = 1.0
"""Seconds for what is recalled to end: what has landed by then counts."""

LONGEST = 900.0
"""Seconds without any batch done after which a run without a deadline gives up the pending ones."""


def in_flight(
    work: Callable[[Batch], Done],
    batches: Iterable[Batch],
    *,
    workers: int,
    keep_going: Callable[[], bool],
    time_left: Callable[[], float],
    time_is_up: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Batch, Done | None]]:
    """Do ``work`` on each batch in ``workers`` threads; yield each batch as it is done.

    None stands for a batch that was not begun, or not done in time, because ``keep_going`` said
    no or ``time_left`` (seconds) ran out. ``time_is_up`` then tells the batches that are under way
    to end at once. At most twice ``workers`` batches are held at once, so
    memory does not grow with their number. What ``work`` raises is raised here.
    """
    source = iter(batches)
    pending: dict[Future[Done], Batch] = {}
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batch")
    try:
        while True:
            while len(pending) < 2 * workers and keep_going() and time_left() > STOP_STARTING:
                batch = next(source, None)
                if batch is None:
                    break
                pending[pool.submit(work, batch)] = batch
            patience = min(LONGEST, time_left() - STOP_WAITING)
            done = wait(pending, max(0.0, patience), return_when=FIRST_COMPLETED).done
            if not done:
                break
            for future in done:
                yield pending.pop(future), future.result()
        if pending:
            pool.shutdown(wait=False, cancel_futures=True)
            time_is_up()
            for future in wait(pending, GRACE).done:
                if not future.cancelled():
                    yield pending.pop(future), future.result()
        for batch in (*pending.values(), *source):
            yield batch, None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def in_time(what: str, work: Callable[[], Done], time_left: Callable[[], float]) -> Done:
    """``work``, or an AwsError with ``what`` once its time is up. What it raises is raised here.

    For calls whose every single wait is bounded but not their sum: an answer may come byte by
    byte. Work that is given up goes on in its thread, and must change nothing.
    """
    outcome: Queue[tuple[Done, None] | tuple[None, BaseException]] = Queue(1)

    def attempt() -> None:
        try:
            outcome.put((work(), None))
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits
            outcome.put((None, error))

    Thread(target=attempt, name="in-time", daemon=True).start()
    try:
        done, error = outcome.get(timeout=max(0.5, min(LONGEST, time_left() - STOP_WAITING)))
    except Empty:
        raise AwsError(
            f"AWS did not say in time {what}.",
            "Check the way to AWS's endpoints, and that the function has time enough.",
        ) from None
    if error is not None:
        raise error
    return cast("Done", done)


class Pace:
    """Keeps any number of threads under ``rate`` units a second, each waiting for its turn.

    ``clock`` gives seconds from anywhere and ``sleep`` waits that many.
    """

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._lock = Lock()
        self._free_at = -math.inf

    def wait(self, units: float) -> None:
        """Return when ``units`` more may be spent."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._free_at)
            self._free_at = turn + units / self._rate
        if turn > now:
            self._sleep(turn - now)
