from __future__ import annotations

import math
from collections.abc import Iterator
from threading import Event, Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.pipeline.flow import STOP_STARTING, STOP_WAITING, Pace, in_flight


def always() -> bool:
    return True


def forever() -> float:
    return math.inf


def test_every_batch_is_done_once() -> None:
    done = in_flight(lambda n: n * n, range(50), workers=4, keep_going=always, time_left=forever)
    assert sorted(done) == [(n, n * n) for n in range(50)]


def test_no_more_than_the_workers_run_at_once_and_little_is_taken_ahead() -> None:
    lock, taken, finished, running, most = Lock(), 0, 0, 0, 0

    def source() -> Iterator[int]:
        nonlocal taken
        for n in range(40):
            taken += 1
            assert taken - finished <= 7, "more than twice the workers held at once"
            yield n

    def work(_: object) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    for _ in in_flight(work, source(), workers=3, keep_going=always, time_left=forever):
        finished += 1
    assert finished == 40
    assert most <= 3


def test_batches_that_are_not_begun_are_handed_back() -> None:
    seen: list[int] = []
    results = list(
        in_flight(
            seen.append, range(100), workers=2, keep_going=lambda: len(seen) < 10, time_left=forever
        )
    )
    assert sorted(batch for batch, _ in results) == list(range(100))
    assert 10 <= len(seen) <= 14


def test_nothing_is_begun_that_could_not_finish_in_time() -> None:
    results = list(
        in_flight(str, range(3), workers=2, keep_going=always, time_left=lambda: STOP_STARTING - 1)
    )
    assert results == [(0, None), (1, None), (2, None)]


def test_a_batch_that_hangs_is_given_up_before_the_deadline() -> None:
    hung, clock = Event(), [STOP_STARTING + 1]

    def work(n: int) -> int:
        if n == 0:
            hung.wait(30)
        else:
            clock[0] = STOP_WAITING + 0.05
        return n

    try:
        results = dict(
            in_flight(work, range(2), workers=2, keep_going=always, time_left=lambda: clock[0])
        )
    finally:
        hung.set()
    assert results == {0: None, 1: 1}


def test_what_work_raises_is_raised() -> None:
    def work(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(in_flight(work, range(3), workers=2, keep_going=always, time_left=forever))


class Clock:
    """Time that passes only while someone sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=20))
def test_a_pace_is_kept_however_the_turns_are_cut(turns: list[float]) -> None:
    clock = Clock()
    pace = Pace(100, clock, clock.sleep)
    for units in turns:
        pace.wait(units)
    # Nobody waits for the first turn, and each later one for those before it.
    assert clock.now - 1000 == pytest.approx(sum(turns[:-1]) / 100)


def test_idle_time_is_not_saved_up() -> None:
    clock = Clock()
    pace = Pace(100, clock, clock.sleep)
    pace.wait(50)
    clock.now += 60
    resumed = clock.now
    for _ in range(3):
        pace.wait(100)
    assert clock.now - resumed == pytest.approx(2)
