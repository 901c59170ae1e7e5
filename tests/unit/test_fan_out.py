"""Targets cut into parts, and parts added up, without AWS or a database."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn import errors
from ingest_fn.errors import ConfigurationError
from ingest_fn.fan_out.parts import SECONDS_A_PART, Planned, cut, largest_part, with_quota
from ingest_fn.fan_out.summary import KILLED, NEVER_SEEN, FanOutResult
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import HOUR, Outcome, Window
from ingest_fn.pipeline.plan import DATAPOINTS_A_SECOND
from ingest_fn.request.target import Slice, Target
from ingest_fn.settings import fan_out
from tests.making import DAY, END, instance_id, new_result

TARGET = Target("111111111111", "eu-west-1", selector=(("tag:Name", ("web",)),))
OTHER = replace(TARGET, region="us-east-1")

numbers = st.sets(st.integers(0, 300), max_size=80)


@given(numbers, st.integers(1, 30))
def test_parts_hold_every_id_once_and_none_too_many(given_: set[int], most: int) -> None:
    ids = tuple(map(instance_id, sorted(given_)))
    parts = cut(TARGET, ids, most)
    assert tuple(id_ for part in parts for id_ in part.target.slice.of(ids)) == ids
    assert [part.expected for part in parts] == [len(part.target.slice.of(ids)) for part in parts]
    assert all(0 < (part.expected or 0) <= most for part in parts)
    assert len(parts) == -(-len(ids) // most)


@given(numbers.filter(bool), numbers, st.integers(1, 30))
def test_parts_hold_every_id_of_any_later_fleet_once(
    planned: set[int], later: set[int], most: int
) -> None:
    parts = cut(TARGET, tuple(map(instance_id, sorted(planned))), most)
    ids = tuple(map(instance_id, sorted(later)))
    assert tuple(id_ for part in parts for id_ in part.target.slice.of(ids)) == ids


@given(numbers.filter(bool), st.integers(1, 30))
def test_parts_of_a_slice_stay_within_it(given_: set[int], most: int) -> None:
    whole = Slice(instance_id(0), instance_id(400))
    ids = tuple(map(instance_id, sorted(given_)))
    slices = [part.target.slice for part in cut(replace(TARGET, slice=whole), ids, most)]
    assert (slices[0].start, slices[-1].before) == (whole.start, whole.before)
    assert all(one.before == following.start for one, following in pairwise(slices))


def test_neighbours_share_the_quota_of_their_account_and_region() -> None:
    parts = [Planned(TARGET, 1)] * 4 + [Planned(OTHER, 1)]
    assert [part.quota_share for part in with_quota(parts, at_once=10)] == [0.25] * 4 + [1]
    assert [part.quota_share for part in with_quota(parts, at_once=2)] == [0.5] * 4 + [1]


@given(st.integers(1, 10_920), st.integers(1, 100))
def test_no_part_needs_more_than_its_time_of_the_quota(hours: int, at_once: int) -> None:
    window = Window(END - hours * HOUR, END)
    size = largest_part(window, most=50_000, at_once=at_once)
    points = size * len(DEFAULT) * hours
    assert 1 <= size <= 50_000
    assert size == 1 or points * at_once / DATAPOINTS_A_SECOND <= SECONDS_A_PART


def test_a_day_of_fifty_thousand_instances_is_one_part() -> None:
    assert largest_part(DAY, most=50_000, at_once=10) == 50_000


def planned(expected: int | None, target: Target = TARGET) -> dict[str, Any]:
    return Planned(target, expected).as_dict()


def seen(status: str, requested: int = 0, reason: str | None = None, **counts: int) -> Any:
    names = ("created", "inserted", "updated", "unchanged", "calls", "metrics_billed")
    outcomes = {outcome.value: 0 for outcome in Outcome}
    return (
        {"status": status, "requested": requested, "reason": reason}
        | dict.fromkeys(names, 0)
        | outcomes
        | counts
    )


def summary() -> FanOutResult:
    return FanOutResult(new_result(0).run, runs_a_month=730)


def test_whole_parts_are_added_up() -> None:
    whole = summary()
    for number in range(2):
        whole.count(number, planned(3), seen("ok", 3, ok=2, empty=1, inserted=48, calls=1))
    result = whole.as_dict()
    assert result["status"] == "ok"
    assert result["parts"] == {"planned": 2, "ok": 2, "partial": 0, "failed": 0}
    assert (result["instances"]["requested"], result["instances"]["ok"]) == (6, 4)
    assert result["rows"]["inserted"] == 96
    assert result["failures"] == []


@pytest.mark.parametrize(
    ("part", "status", "reason", "requested", "failed"),
    [
        (None, "failed", NEVER_SEEN, 5, 5),
        (seen("running", 7), "failed", KILLED, 7, 7),
        (seen("failed", 0, "denied"), "failed", "denied", 5, 5),
        (seen("failed", 6, "gone", failed=6), "failed", "gone", 6, 6),
        (seen("partial", 6, "late", ok=4, failed=2), "partial", "late", 6, 2),
    ],
)
def test_a_part_that_is_not_whole_is_named_with_its_reason(
    part: Any, status: str, reason: str, requested: int, failed: int
) -> None:
    whole = summary()
    whole.count(0, planned(2, OTHER), seen("ok", 2, ok=2))
    whole.count(1, planned(5), part)
    result = whole.as_dict()
    assert result["status"] == "partial"
    assert result["parts"] == {"planned": 2, "ok": 1, "partial": 0, "failed": 0} | {status: 1}
    assert result["instances"]["requested"] == 2 + requested
    assert result["instances"]["failed"] == failed
    assert result["failures"] == [
        {"account_id": "111111111111", "region": "eu-west-1", "part": 1, "reason": reason}
    ]
    assert f"111111111111 eu-west-1: {reason}" in whole.summary()


def test_a_fan_out_of_which_nothing_is_stored_has_failed() -> None:
    whole = summary()
    whole.count(0, planned(None), None)
    assert whole.status == "failed"


def test_requested_is_always_the_sum_of_the_outcomes() -> None:
    whole = summary()
    for number, part in enumerate((None, seen("running", 3), seen("failed"), seen("ok", 1, ok=1))):
        whole.count(number, planned(4), part)
        assert whole.run.requested == whole.counts.instances


def test_the_settings_of_a_fan_out() -> None:
    given_ = fan_out({"TARGETS_PARAMETER": "/targets/", "MAX_PARTS_AT_ONCE": "25"})
    assert (given_.targets_parameter, given_.max_parts_at_once) == ("/targets/", 25)
    assert given_.max_instances_per_part == 50_000
    with pytest.raises(ConfigurationError, match="TARGETS_PARAMETER is not set"):
        fan_out({})


def test_the_state_machine_tries_again_only_after_errors_that_exist() -> None:
    text = (Path(__file__).parents[2] / "statemachines/fan_out.asl.json").read_text()
    listed = re.findall(r'"ErrorEquals":\s*\[([^\]]*)\]', text)
    every = {name for names in listed for name in re.findall(r'"([^"]+)"', names)}
    names = {name for name in every if "." not in name}  # Lambda's own and States' have a dot
    assert {"AwsError", "StoreError", "IncompleteRunError"} <= names
    assert {name for name in names if not hasattr(errors, name)} == set()
