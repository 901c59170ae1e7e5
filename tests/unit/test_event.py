from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.errors import EventError
from ingest_fn.pipeline.model import HOUR, Part, Window
from ingest_fn.request.event import parse_event
from ingest_fn.request.selection import parse_items
from ingest_fn.request.target import parse_target
from ingest_fn.request.window import MAX_LOOKBACK_HOURS

NOW = datetime(2026, 11, 23, 10, 37, tzinfo=UTC)
HOUR_10 = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = Window(HOUR_10 - 24 * HOUR, HOUR_10)
EVENTS = Path(__file__).parents[2] / "events"
RULE = json.loads((EVENTS / "eventbridge-rule.json").read_text())

TARGET = {
    "account_id": "123456789012",
    "region": "eu-west-1",
    "instance_ids": ["i-0123456789abcdef0"],
}
PART: dict[str, Any] = {"run_id": "f0264621-fc8e-4c3a-abbc-2054d48247bb", "part": 3}


def parse(event: object, now: datetime = NOW) -> object:
    return parse_event(event, now=now, lookback_hours=24)


@pytest.mark.parametrize(
    ("event", "window"),
    [
        ({}, DAY),
        ({"key1": "value1", "key2": "value2", "key3": "value3"}, DAY),
        ({"scheduled_time": "2026-11-23T10:15:00Z"}, DAY),
        ({"scheduled_time": "2026-11-23T11:15:00+01:00"}, DAY),
        ({"scheduled_time": "2026-11-23T09:59:59Z"}, Window(DAY.start - HOUR, DAY.end - HOUR)),
        ({"lookback_hours": 1}, Window(HOUR_10 - HOUR, HOUR_10)),
        (RULE, DAY),
        (RULE | {"source": "aws.scheduler", "detail": "{}"}, DAY),
        (RULE | {"detail": '{"lookback_hours": 2}'}, Window(HOUR_10 - 2 * HOUR, HOUR_10)),
        (
            {"start": "2026-11-01T00:59:00Z", "end": "2026-11-01T02:10:00Z"},
            Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, 2, tzinfo=UTC)),
        ),
        (
            {"start": "2026-11-23T09:00:00Z", "end": "2026-11-23T10:59:00Z"},
            Window(HOUR_10 - HOUR, HOUR_10),
        ),
    ],
)
def test_the_window_of_an_event(event: object, window: Window) -> None:
    assert parse_event(event, now=NOW, lookback_hours=24).window == window


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_event_is_taken(path: Path) -> None:
    request = parse_event(json.loads(path.read_text()), now=NOW, lookback_hours=24)
    assert request.dry_run == (path.stem == "dry-run")
    assert (request.selection is not None) == (path.stem == "one-instance")
    assert (request.target is not None) == (path.stem == "target")


def test_a_target_and_its_place_in_a_fan_out() -> None:
    event = {"target": TARGET, "part_of": PART | {"quota_share": 0.25}}
    request = parse_event(event, now=NOW, lookback_hours=24)
    assert request.target == parse_target(TARGET)
    assert request.part == Part(PART["run_id"], 3, 0.25)
    assert request.trigger == "fan-out"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (None, "The event is null"),
        ([], "The event is []"),
        ({"instance_id": []}, "unknown key 'instance_id'"),
        ({"key1": "value1"}, "unknown key 'key1'"),
        ({"instance_ids": "i-0123456789abcdef0"}, "instance_ids is"),
        ({"instance_ids": []}, "instance_ids holds no instance ids"),
        ({"instance_ids": ["i-0123456789abcdef0", "i-nonsense"]}, "'i-nonsense'"),
        ({"instance_ids": [7]}, "7"),
        ({"lookback_hours": "24"}, 'lookback_hours is "24"'),
        ({"lookback_hours": True}, "lookback_hours is true"),
        ({"lookback_hours": 0}, "lookback_hours is 0"),
        ({"lookback_hours": MAX_LOOKBACK_HOURS + 1}, "lookback_hours is 10921"),
        ({"dry_run": "yes"}, 'dry_run is "yes"'),
        ({"start": "2026-11-01T00:00:00Z"}, "has no end"),
        ({"end": "2026-11-01T00:00:00Z"}, "has no start"),
        (
            {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z", "lookback_hours": 2},
            "lookback_hours beside start and end",
        ),
        ({"start": "2026-11-01T00:10:00Z", "end": "2026-11-01T00:50:00Z"}, "is not before end"),
        ({"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "is not before end"),
        (
            {"start": "2026-11-23T10:00:00Z", "end": "2026-11-23T11:00:00Z"},
            "end 2026-11-23T11:00:00Z lies in the future",
        ),
        (
            {"scheduled_time": "2026-11-23T11:15:00Z"},
            "scheduled_time 2026-11-23T11:15:00Z lies in the future",
        ),
        (
            {"start": "2025-08-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"},
            "more than 455 days back",
        ),
        ({"scheduled_time": "2015-01-01T00:00:00Z"}, "scheduled_time 2015-01-01T00:00:00Z less 24"),
        ({"scheduled_time": "0001-01-01T00:00:00Z"}, "1-01-01T00:00:00Z less 24"),
        ({"scheduled_time": "0001-01-01T00:00:00+14:00"}, "scheduled_time is"),
        ({"scheduled_time": "9999-12-31T23:59:59Z"}, "lies in the future"),
        ({"start": "0001-01-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "455 days back"),
        (
            {"scheduled_time": "2026-11-22T10:00:00Z", "lookback_hours": MAX_LOOKBACK_HOURS},
            "less 10920 hours is more than 455 days back",
        ),
        ({"lookback_hours": 10**4300}, "lookback_hours is a int that cannot be shown"),
        ({"lookback_hours": None}, "lookback_hours is null"),
        ({"instance_ids": None}, "instance_ids is null"),
        ({"instances": None}, "instances is null"),
        ({"instances": []}, "instances holds no instance ids"),
        ({"instances": "all"}, 'instances is "all"'),
        ({"instances": ["tag:"]}, "instances holds 'tag:' (item 1)"),
        ({"instances": ["all"], "instance_ids": ["i-0a1b2c3d"]}, "instances beside instance_ids"),
        ({"target": None}, "target is null"),
        ({"dry_run": "x" * 300}, 'dry_run is "' + "x" * 199 + "…"),
        ({"x" * 10_000_000: 1}, "unknown key 'xxx"),
        ({"\u202egnp": 1}, "unknown key '\\u202egnp'"),
        (RULE | {"detail": 0}, "detail is 0"),
        (RULE | {"detail": None}, "detail is null"),
        (RULE | {"detail": "[" * 100_000}, "detail is"),
        (RULE | {"detail": {"scheduled_time": 5}}, "scheduled_time is 5"),
        ({"start": "2026-11-01T00:00:00", "end": "2026-11-02T00:00:00Z"}, "start is"),
        ({"start": 1, "end": "2026-11-02T00:00:00Z"}, "start is 1"),
        ({"scheduled_time": "<aws.scheduler.scheduled-time>"}, "scheduled_time is"),
        ({"source": "aws.events", "detail-type": "Scheduled Event"}, "has no time"),
        ({"target": TARGET, "instance_ids": ["i-0123456789abcdef0"]}, "instance_ids beside target"),
        ({"target": []}, "target is []"),
        ({"target": TARGET | {"regions": []}}, "target has an unknown key 'regions'"),
        ({"part_of": "a run"}, 'part_of is "a run"'),
        ({"part_of": PART | {"of": 3}}, "part_of has an unknown key 'of'"),
        ({"part_of": PART | {"run_id": "one"}}, 'part_of.run_id is "one"'),
        ({"part_of": PART | {"run_id": 1}}, "part_of.run_id is 1"),
        ({"part_of": PART | {"part": -1}}, "part_of.part is -1"),
        ({"part_of": PART | {"part": True}}, "part_of.part is true"),
        ({"part_of": {"run_id": PART["run_id"]}}, "part_of.part is null"),
        ({"part_of": PART | {"quota_share": 0}}, "part_of.quota_share is 0"),
        ({"part_of": PART | {"quota_share": 1.5}}, "part_of.quota_share is 1.5"),
        ({"part_of": PART | {"quota_share": True}}, "part_of.quota_share is true"),
        (RULE | {"time": "noon"}, 'time is "noon"'),
        (RULE | {"detail": "not json"}, "detail is"),
        (RULE | {"detail": [1]}, "detail is [1]"),
        (RULE | {"detail": {"state": "running"}}, "unknown key 'state'"),
    ],
)
def test_a_bad_event_is_refused_by_name(event: object, said: str) -> None:
    with pytest.raises(EventError) as caught:
        parse(event)
    assert said in caught.value.message
    assert caught.value.hint
    assert len(str(caught.value)) < 1_000
    assert str(caught.value).isprintable()


def test_a_clock_that_is_a_little_behind_takes_the_event_of_the_new_hour() -> None:
    early = datetime(2026, 11, 23, 9, 59, 59, 900_000, tzinfo=UTC)
    events = [{"scheduled_time": "2026-11-23T10:00:00Z"}, RULE | {"time": "2026-11-23T10:02Z"}]
    for event in events:
        assert parse_event(event, now=early, lookback_hours=24).window == DAY
    with pytest.raises(EventError, match="the last closed hour ended 2026-11-23T09:00:00Z"):
        parse({"scheduled_time": "2026-11-23T10:05:00Z"}, early)


def test_what_aws_adds_to_an_envelope_is_ignored() -> None:
    event = RULE | {"replay-name": "again", "dry_run": True}
    request = parse_event(event, now=NOW, lookback_hours=24)
    assert (request.window, request.dry_run) == (DAY, True)


def test_an_event_that_names_its_window_says_so() -> None:
    named: list[dict[str, object]] = [
        {"lookback_hours": 2},
        {"start": "2026-11-23T09:00:00Z", "end": "2026-11-23T10:00:00Z"},
    ]
    for event in named:
        assert parse_event(event, now=NOW, lookback_hours=24).own_window
    for other in ({}, {"scheduled_time": "2026-11-23T10:00:00Z"}):
        assert not parse_event(other, now=NOW, lookback_hours=24).own_window


def test_instances_by_selection() -> None:
    event = {"instances": ["tag:Env=prod", "!i-0a1b2c3d"]}
    selection = parse_event(event, now=NOW, lookback_hours=24).selection
    assert selection == parse_items(event["instances"], where="instances")


@given(st.integers(0, 59), st.integers(0, 59))
def test_any_minute_of_an_hour_reads_the_same_hours(one: int, other: int) -> None:
    def window(minute: int) -> Window:
        return parse_event({}, now=NOW.replace(minute=minute), lookback_hours=24).window

    assert window(one) == window(other)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 23, 10)),  # noqa: DTZ001  hypothesis adds the zone
    st.integers(-12 * 60, 14 * 60),
    st.integers(1, MAX_LOOKBACK_HOURS - 330 * 24),
)
def test_every_window_is_whole_closed_utc_hours(moment: datetime, offset: int, hours: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    time = moment.replace(tzinfo=UTC).astimezone(zone)
    request = parse_event(
        {"scheduled_time": time.isoformat(), "lookback_hours": hours}, now=NOW, lookback_hours=24
    )
    window = request.window
    assert window.hour_count == hours
    assert window.end <= time < window.end + HOUR
    assert all(stamp % 3600 == 0 for stamp in (window.hours.start, window.hours.stop))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=15), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = (
    "scheduled_time",
    "instance_ids",
    "instances",
    "target",
    "part_of",
    "lookback_hours",
    "start",
    "end",
    "dry_run",
    "time",
    "detail",
    "source",
)


@given(json_values | st.dictionaries(st.sampled_from(KEYS), json_values))
def test_any_json_is_a_request_or_an_event_error(event: object) -> None:
    try:
        request = parse_event(event, now=NOW, lookback_hours=24)
    except EventError:
        return
    assert request.window.start < request.window.end <= HOUR_10
