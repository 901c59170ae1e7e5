"""The made-up fleet: reproducible, believable, and labelled as what it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from statistics import mean

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_fn.model import HOUR, Reading, Window
from ingest_fn.synthetic.fleet import Kind, Machine, make_fleet
from ingest_fn.synthetic.metrics import SETTLED, readings

END = datetime(2026, 11, 23, 10, tzinfo=UTC)  # a Monday
WEEK = Window(END - 7 * 24 * HOUR, END)
seeds = st.integers(0, 2**32)


def fleet(count: int, seed: int = 1) -> list[Machine]:
    return list(make_fleet(count, seed, END))


def of_kind(kind: Kind) -> Machine:
    return next(machine for machine in fleet(20) if machine.kind is kind)


def read(machine: Machine, window: Window = WEEK, as_of: datetime | None = None) -> Reading:
    (reading,) = readings([machine], window, as_of)
    return reading


def cpu(machine: Machine) -> list[float]:
    return list(read(machine).series[0].values())


@given(seeds, st.integers(1, 40), st.integers(0, 40))
def test_a_bigger_fleet_of_the_same_seed_begins_with_the_same_machines(
    seed: int, count: int, more: int
) -> None:
    assert fleet(count + more, seed)[:count] == fleet(count, seed)


@given(seeds)
def test_another_seed_is_another_fleet(seed: int) -> None:
    one, other = ({m.instance_id for m in fleet(10, s)} for s in (seed, seed + 1))
    assert len(one) == 10
    assert not one & other


@settings(max_examples=25)
@given(st.integers(0, 9), st.integers(0, 100), st.integers(1, 68))
def test_an_hour_is_the_same_in_whatever_window_it_is_seen(
    number: int, first: int, hours: int
) -> None:
    machine = fleet(10)[number]
    start = WEEK.start + first * HOUR
    part = read(machine, Window(start, start + hours * HOUR))
    for seen, whole in zip(part.series, read(machine).series, strict=True):
        inside = {
            stamp: v
            for stamp, v in whole.items()
            if stamp in seen
            or stamp in range(int(start.timestamp()), int((start + hours * HOUR).timestamp()))
        }
        assert seen == inside


def test_every_kind_is_there_and_labelled() -> None:
    machines = fleet(20)
    assert {machine.kind for machine in machines} == set(Kind)
    for machine in machines:
        assert machine.idle == (machine.kind is Kind.IDLE)
        assert machine.oversized == (machine.kind is Kind.OVERSIZED)


@given(seeds)
@settings(max_examples=10)
def test_values_are_possible(seed: int) -> None:
    for reading in readings(fleet(10, seed), Window(END - 48 * HOUR, END)):
        average, most, samples, received, sent = reading.series
        for stamp, value in average.items():
            assert 0 <= value <= most[stamp] <= 100
            assert samples[stamp] >= 1
            assert received[stamp] >= 0
            assert sent[stamp] >= 0


def test_kinds_can_be_told_apart() -> None:
    """What a detector would go by: idle ones are quiet all week, batch and databases are not."""
    assert max(cpu(of_kind(Kind.IDLE))) < 10
    assert max(cpu(of_kind(Kind.OVERSIZED))) < 40
    assert mean(cpu(of_kind(Kind.OVERSIZED))) > mean(cpu(of_kind(Kind.IDLE)))
    assert mean(cpu(of_kind(Kind.DATABASE))) > 20
    assert max(cpu(of_kind(Kind.BATCH))) > 50


def hours_seen(machine: Machine) -> set[datetime]:
    return {datetime.fromtimestamp(stamp, UTC) for stamp in read(machine).series[0]}


def test_a_machine_that_stops_at_night_has_no_data_then() -> None:
    seen = hours_seen(of_kind(Kind.STOPPED_AT_NIGHT))
    assert seen
    assert all(7 <= moment.hour < 19 and moment.weekday() < 5 for moment in seen)


def test_a_new_machine_has_no_data_from_before_it_was_launched() -> None:
    first = min(hours_seen(of_kind(Kind.NEWLY_LAUNCHED)))
    assert WEEK.start < first < WEEK.end


def gaps(machines: Iterable[Machine]) -> int:
    return sum(WEEK.hours - len(read(machine).series[0]) for machine in machines)


def test_some_hours_are_missing_and_most_are_not() -> None:
    always_on = [m for m in fleet(40) if m.kind in {Kind.WEB, Kind.IDLE, Kind.DATABASE}]
    assert 0 < gaps(always_on) < 0.02 * WEEK.hours * len(always_on)


def test_late_samples_revise_recent_hours_and_no_older_ones() -> None:
    revised = set()
    for machine in fleet(40):
        early, late = read(machine, as_of=END), read(machine)
        revised |= {s for s, v in early.series[0].items() if v != late.series[0][s]}
    assert revised
    assert min(revised) >= (END - SETTLED - HOUR).timestamp()
