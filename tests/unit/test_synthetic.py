"""The made-up fleet: reproducible, believable, and labelled as what it is."""

from __future__ import annotations

from datetime import datetime
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_fn.local.synthetic.behaviour import runs
from ingest_fn.local.synthetic.fleet import Kind, Machine, make_fleet
from ingest_fn.local.synthetic.history import described, looks
from ingest_fn.local.synthetic.metrics import SETTLED, agent_data, metric_data, readings
from ingest_fn.pipeline.catalogue import statistics_for
from ingest_fn.pipeline.machine import Machine as Described
from ingest_fn.pipeline.model import HOUR, HOUR_SECONDS, Reading, Window, utc
from ingest_fn.pipeline.statistic import Need
from tests.making import END

WEEK = Window(END - 7 * 24 * HOUR, END)
seeds = st.integers(0, 2**32)


def fleet(count: int, seed: int = 1) -> list[Machine]:
    return list(make_fleet(count, seed, END))


def of_kind(kind: Kind, seed: int = 1) -> Machine:
    return next(machine for machine in fleet(20, seed) if machine.kind is kind)


def read(machine: Machine, window: Window = WEEK, as_of: datetime | None = None) -> Reading:
    (reading,) = readings([machine], window, as_of)
    return reading


def cpu(machine: Machine) -> list[float]:
    return list(read(machine).series[0].values())


def hours_seen(machine: Machine, window: Window = WEEK) -> list[datetime]:
    return [utc(stamp) for stamp in read(machine, window).series[0]]


@given(seeds, st.integers(0, 40), st.integers(0, 40))
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
@given(seeds, st.integers(0, 9), st.integers(0, 100), st.integers(1, 68))
def test_an_hour_is_the_same_in_whatever_window_it_is_seen(
    seed: int, number: int, first: int, hours: int
) -> None:
    machine = fleet(10, seed)[number]
    start = WEEK.start + first * HOUR
    window = Window(start, start + hours * HOUR)
    for part, whole in zip(read(machine, window).series, read(machine).series, strict=True):
        assert part == {stamp: whole[stamp] for stamp in window.hours if stamp in whole}


@given(seeds)
def test_ten_machines_show_every_verdict_and_twenty_every_kind(seed: int) -> None:
    machines = fleet(20, seed)
    assert {machine.kind for machine in machines} == set(Kind)
    assert {machine.verdict for machine in machines[:10]} == {
        "fine",
        "idle",
        "oversized",
        "undersized",
        "switch_off",
        "insufficient_data",
        "not_applicable",
    }
    for machine in machines:
        assert machine.idle == (machine.kind is Kind.IDLE)
        assert machine.oversized == (machine.kind is Kind.OVERSIZED)
        assert machine.label == f"{machine.kind.value}, {machine.instance_type}"


@settings(max_examples=10)
@given(seeds, st.sampled_from([None, END]))
def test_every_value_is_one_that_a_machine_could_have(seed: int, as_of: datetime | None) -> None:
    machines = fleet(10, seed)
    for machine, reading in zip(machines, readings(machines, WEEK, as_of), strict=True):
        average, most, samples, received, sent = reading.series
        assert average.keys() == most.keys() == samples.keys() == received.keys() == sent.keys()
        for stamp in average:
            assert 0 <= average[stamp] <= most[stamp] <= 100
            assert 1 <= samples[stamp] <= machine.samples
            assert received[stamp] >= 0
            assert sent[stamp] >= 0


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_machines_look_like_what_they_are(seed: int) -> None:
    for machine in fleet(20, seed):
        seen = read(machine)
        if machine.kind is Kind.STOPPED:
            assert not seen.datapoints
            continue
        highest = max(seen.series[1].values())
        if machine.idle:
            assert highest < 5
            assert sum(sum(series.values()) for series in seen.series[3:5]) < 7 * 5e6
        elif machine.oversized:
            assert highest < 25
            assert mean(cpu(machine)) > 2.5
        elif machine.verdict == "undersized":
            assert sorted(seen.series[1].values())[-3] > 80
        elif machine.kind not in {Kind.NEWLY_LAUNCHED, Kind.THIN}:
            assert 41 < highest < 95


def test_an_office_machine_is_quiet_when_the_office_is_closed() -> None:
    machine = of_kind(Kind.OFFICE)
    for stamp, value in read(machine).series[0].items():
        open_ = utc(stamp).weekday() < 5 and 7 <= utc(stamp).hour < 19
        assert (value > 20) if open_ else (value < 5)


def test_memory_is_there_where_an_agent_is() -> None:
    with_memory = statistics_for(frozenset(), frozenset({Need.AGENT}))
    machines = fleet(40)
    for machine, reading in zip(
        machines, readings(machines, WEEK, statistics=with_memory), strict=True
    ):
        by_column = dict(zip((s.column for s in with_memory), reading.series, strict=True))
        memory, most = by_column["memory_utilization"], by_column["memory_utilization_max"]
        assert memory.keys() == most.keys()
        assert memory.keys() == (
            set() if machine.agent is None else by_column["cpu_utilization"].keys()
        )
        assert all(0 < memory[stamp] <= most[stamp] < 80 for stamp in memory)
    agents = {machine.agent and len(machine.agent.dimensions) for machine in machines}
    assert agents == {None, 1, 3}


def test_a_resize_is_a_stop_and_another_type() -> None:
    machine = of_kind(Kind.RESIZED)
    assert machine.resized is not None
    before, during, after = (
        described(machine, machine.resized + hours * HOUR_SECONDS) for hours in (-2, -1, 0)
    )
    assert before
    assert during
    assert after
    assert (before.state, during.state, after.state) == ("running", "stopped", "running")
    assert before.instance_type == during.instance_type == machine.old_type
    assert after.instance_type == machine.instance_type
    assert (before.started_at, after.started_at) == (machine.launched, machine.resized)
    assert during.state_since == machine.resized - HOUR_SECONDS
    assert during.started_at == machine.launched
    assert machine.resized - HOUR_SECONDS not in read(machine).series[0]


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_ec2_shows_a_machine_running_exactly_in_the_hours_that_it_runs(seed: int) -> None:
    for machine in fleet(20, seed):
        last: Described | None = None
        for hour in (*WEEK.hours, WEEK.hours.stop):
            seen = described(machine, hour)
            assert (seen is None) == (hour < machine.launched)
            if seen is None:
                continue
            assert (seen.state == "running") == runs(machine, hour)
            assert machine.launched == seen.launched_at <= seen.started_at <= hour
            if seen.state == "stopped":
                assert seen.state_since is not None
                assert seen.started_at < seen.state_since <= hour
            if last is not None and last.state != seen.state:
                began = seen.started_at if seen.state == "running" else seen.state_since
                assert began == hour
            last = seen


def test_looks_miss_no_change() -> None:
    machines = fleet(40)
    now: dict[str, Described] = {}
    times = dict(looks(machines, WEEK))
    for hour in (*WEEK.hours, WEEK.hours.stop):
        now |= times.get(hour, {})
        whole = {m.instance_id: one for m in machines if (one := described(m, hour))}
        assert now == whole
    assert len(times) < 40


def test_each_kind_has_its_rhythm() -> None:
    """What a detector goes by: batch works at night, web by day, a database all the time."""
    by_hour = {
        kind: {utc(stamp).hour: v for stamp, v in read(of_kind(kind)).series[0].items()}
        for kind in (Kind.BATCH, Kind.WEB, Kind.DATABASE)
    }
    assert by_hour[Kind.BATCH][2] > 30
    assert by_hour[Kind.BATCH][14] < 10
    assert by_hour[Kind.WEB][14] > 2 * by_hour[Kind.WEB][2]
    assert min(by_hour[Kind.DATABASE].values()) > 15


def test_a_weekend_is_quieter_than_the_week() -> None:
    by_day: dict[bool, list[float]] = {True: [], False: []}
    for stamp, value in read(of_kind(Kind.WEB)).series[0].items():
        by_day[utc(stamp).weekday() >= 5].append(value)
    assert mean(by_day[True]) < 0.75 * mean(by_day[False])


@given(seeds)
@settings(max_examples=10)
def test_a_machine_that_is_stopped_at_night_has_no_data_then(seed: int) -> None:
    seen = hours_seen(of_kind(Kind.STOPPED_AT_NIGHT, seed))
    assert len(seen) > 0.8 * 5 * 12
    assert all(7 <= moment.hour < 19 and moment.weekday() < 5 for moment in seen)


@given(seeds)
@settings(max_examples=10)
def test_a_new_machine_has_no_data_from_before_its_launch(seed: int) -> None:
    machine = of_kind(Kind.NEWLY_LAUNCHED, seed)
    seen = hours_seen(machine)
    assert utc(machine.launched) <= seen[0]
    assert END - 20 * HOUR <= seen[0] <= seen[-1] < END


def test_some_hours_are_missing_and_some_thin_but_most_are_whole() -> None:
    always_on = [m for m in fleet(40) if m.kind in {Kind.WEB, Kind.IDLE, Kind.DATABASE}]
    hours = WEEK.hour_count * len(always_on)
    samples = {machine: read(machine).series[2] for machine in always_on}
    gaps = hours - sum(map(len, samples.values()))
    thin = sum(n < machine.samples for machine, seen in samples.items() for n in seen.values())
    assert 0 < gaps < 0.01 * hours
    assert 0 < thin < 0.02 * hours


def test_late_samples_revise_recent_hours_and_no_older_ones() -> None:
    revised = set[int]()
    for machine in fleet(40):
        for early, late in zip(read(machine, as_of=END).series, read(machine).series, strict=True):
            assert early.keys() == late.keys()
            assert all(early[stamp] <= late[stamp] for stamp in early)
            revised |= {stamp for stamp in early if early[stamp] != late[stamp]}
    assert revised
    assert min(revised) >= (END - SETTLED - HOUR).timestamp()


def test_an_hour_whose_last_sample_is_late_has_one_sample_fewer_until_then() -> None:
    missing = set[float]()
    for machine in fleet(40):
        _, _, early, received, _ = read(machine, as_of=END).series
        _, _, late, received_in_the_end, _ = read(machine).series
        for stamp in early:
            if received[stamp] != received_in_the_end[stamp] and late[stamp] > 1:
                missing.add(late[stamp] - early[stamp])
    assert missing == {1}


@pytest.mark.parametrize("number", range(10))
def test_an_hour_is_settled_two_hours_after_its_end(number: int) -> None:
    machine = fleet(10)[number]
    assert read(machine, as_of=END + SETTLED) == read(machine)


@given(seeds)
@settings(max_examples=5)
def test_what_is_published_is_what_a_reading_says(seed: int) -> None:
    """Three statistic sets an hour, whose mean, maximum, count and sums are the reading's."""
    day = Window(END - 24 * HOUR, END)
    for machine in fleet(10, seed):
        average, most, samples, received, sent = read(machine, day, END).series
        entries = list(metric_data(machine, day, END))
        assert len(entries) == 3 * len(average)
        for entry in entries:
            stamp = int(entry["Timestamp"].timestamp())
            assert stamp % HOUR_SECONDS == 0
            assert entry["Dimensions"] == [{"Name": "InstanceId", "Value": machine.instance_id}]
            told = entry["StatisticValues"]
            assert told["SampleCount"] == samples[stamp]
            if entry["MetricName"] == "CPUUtilization":
                assert told["Sum"] / told["SampleCount"] == pytest.approx(average[stamp])
                assert told["Maximum"] == most[stamp]
            else:
                total = {"NetworkIn": received, "NetworkOut": sent}[entry["MetricName"]]
                assert told["Sum"] == total[stamp]


def test_what_an_agent_publishes_has_the_dimensions_that_its_configuration_chose() -> None:
    day = Window(END - 24 * HOUR, END)
    for machine in fleet(20):
        entries = list(agent_data(machine, day))
        assert bool(entries) == (machine.agent is not None and machine.kind is not Kind.STOPPED)
        for entry in entries:
            assert machine.agent is not None
            assert {d["Name"]: d["Value"] for d in entry["Dimensions"]} == dict(
                machine.agent.dimensions
            )
            assert entry["MetricName"] == machine.agent.metric
