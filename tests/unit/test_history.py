"""From one look at a machine to the next: which periods its history gets, and from when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.pipeline.history import Period, gone, new_periods
from ingest_fn.pipeline.machine import Machine

SEEN = 1_000.0


def machine(
    state: str = "running",
    started: int = 100,
    since: int | None = None,
    kind: str = "m7g.large",
    name: str | None = "web",
) -> Machine:
    return Machine("i-1", kind, state, 100, started, since, name)


def period(at: float, state: str = "running", kind: str | None = "m7g.large") -> Period:
    return Period(at, state, kind, "web")


@pytest.mark.parametrize(
    ("last", "seen", "periods"),
    [
        # First sight.
        (None, machine(), [period(100)]),
        (None, machine("pending"), [period(100)]),
        (None, machine("stopped"), [period(SEEN, "stopped")]),
        (None, machine("stopped", since=500), [period(100), period(500, "stopped")]),
        (None, machine("terminated", since=500), [period(100), period(500, "terminated")]),
        # Nothing new.
        (period(100), machine(), []),
        (period(500, "stopped"), machine("stopped", since=500), []),
        (period(500, "stopped"), machine("stopping", since=500), []),
        (period(500, "terminated"), machine("terminated", since=500), []),
        # A stop, a start, a resize between them, and both since the last look.
        (period(100), machine("stopped", since=500), [period(500, "stopped")]),
        (period(100), machine("stopped"), [period(SEEN, "stopped")]),
        (period(100), machine("shutting-down", since=500), [period(500, "terminated")]),
        (period(500, "stopped"), machine(started=600), [period(600)]),
        (period(100), machine(started=600), [period(600)]),
        (period(100), machine(started=600, kind="m7g.xlarge"), [period(600, kind="m7g.xlarge")]),
        (
            period(100),
            machine("stopped", started=600, since=700),
            [period(600), period(700, "stopped")],
        ),
        (
            period(500, "stopped"),
            machine("stopped", started=600, since=700, kind="m7g.xlarge"),
            [period(600, kind=None), period(700, "stopped", "m7g.xlarge")],
        ),
        # A change without a time of EC2's counts from the look.
        (
            period(500, "stopped"),
            machine("stopped", since=500, kind="m7g.xlarge"),
            [period(SEEN, "stopped", "m7g.xlarge")],
        ),
        (period(100), machine(name="db"), [Period(SEEN, "running", "m7g.large", "db")]),
        (period(SEEN), machine("stopped", since=500), []),
    ],
)
def test_what_a_look_adds(last: Period | None, seen: Machine, periods: list[Period]) -> None:
    assert new_periods(last, seen, SEEN) == periods


def test_what_ec2_no_longer_shows_is_terminated() -> None:
    assert gone(period(100), SEEN) == [period(SEEN, "terminated")]
    assert gone(period(100, "terminated"), SEEN) == []
    assert gone(period(SEEN), SEEN) == []
    assert gone(None, SEEN) == [Period(SEEN, "terminated", None, None)]


looks = st.lists(
    st.builds(
        machine,
        st.sampled_from(["pending", "running", "stopping", "stopped", "terminated"]),
        st.integers(0, 200),
        st.none() | st.integers(0, 200),
        st.sampled_from(["m7g.large", "m7g.xlarge"]),
        st.sampled_from([None, "web", "db"]),
    )
)


@given(looks, st.lists(st.integers(0, 300)))
def test_whatever_is_seen_periods_follow_each_other_and_a_second_look_adds_none(
    seen: list[Machine], times: list[int]
) -> None:
    last: Period | None = None
    for one, time in zip(seen, sorted(times), strict=False):
        for added in new_periods(last, one, time):
            assert last is None or added.valid_from > last.valid_from
            last = added
        assert new_periods(last, one, time) == [], "the same look again"
