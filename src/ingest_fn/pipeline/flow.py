"""Batches in flight: so many at once, so many a second, and none begun that could not finish."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Lock
from time import monotonic, sleep
from typing import TypeVar

Batch = TypeVar("Batch")
Done = TypeVar("Done")

STOP_STARTING = 20.0
"""Seconds before the deadline from which no batch is begun: a call's read timeout and a write."""

STOP_WAITING = 6.0
"""Seconds before the deadline kept for the ledger, the log and the result."""


def in_flight(
    work: Callable[[Batch], Done],
    batches: Iterable[Batch],
    *,
    workers: int,
    keep_going: Callable[[], bool],
    time_left: Callable[[], float],
) -> Iterator[tuple[Batch, Done | None]]:
    """Do ``work`` on each batch in ``workers`` threads; yield each batch as it is done.

    None stands for a batch that was not begun, or not done in time, because ``keep_going`` said
    no or ``time_left`` (seconds) ran out. At most twice ``workers`` batches are held at once, so
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
            patience = time_left() - STOP_WAITING
            done = wait(
                pending,
                timeout=None if math.isinf(patience) else max(0.0, patience),
                return_when=FIRST_COMPLETED,
            ).done
            if not done:
                break
            for future in done:
                yield pending.pop(future), future.result()
        for batch in (*pending.values(), *source):
            yield batch, None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


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
