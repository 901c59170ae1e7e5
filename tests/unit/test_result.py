"""What a run says of itself: the contract's result, added up batch by batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.errors import IncompleteRunError
from ingest_fn.pipeline.model import Cost, InstanceOutcome, Outcome
from ingest_fn.pipeline.result import MAX_FAILURES_LISTED, RunResult
from tests.making import instance_id, new_result

OK, EMPTY, PARTIAL, FAILED = Outcome.OK, Outcome.EMPTY, Outcome.PARTIAL, Outcome.FAILED
INCOMPLETE = (PARTIAL, FAILED)


def lines(*outcomes: Outcome) -> list[InstanceOutcome]:
    return [
        InstanceOutcome(
            instance_id(n), outcome, reason="Throttled" if outcome in INCOMPLETE else None
        )
        for n, outcome in enumerate(outcomes)
    ]


def report_of(*outcomes: Outcome) -> RunResult:
    made = new_result(len(outcomes))
    made.add(lines(*outcomes), Cost(1, 3 * len(outcomes)))
    return made


def test_the_result_is_what_the_contract_says() -> None:
    made = new_result(4)
    made.run = replace(made.run, run_id="c3a1f2d4", trigger="schedule", account_id="123456789012")
    made.run = replace(made.run, not_due=5, freshness_hours=6, plan_reason="FRESHNESS_HOURS is 6.")
    made.owed_hours = 24
    first = [
        InstanceOutcome(instance_id(1), OK, created=True, inserted=24),
        InstanceOutcome(instance_id(2), OK, inserted=1, updated=2, unchanged=21, healed=3),
    ]
    second = [
        InstanceOutcome(instance_id(3), EMPTY, created=True),
        InstanceOutcome(instance_id(4), FAILED, reason="InternalError"),
    ]
    made.add(first, Cost(1, 6))
    made.add(second, Cost(2, 6))
    assert json.loads(json.dumps(made.as_dict())) == {
        "status": "partial",
        "run_id": "c3a1f2d4",
        "trigger": "schedule",
        "account_id": "123456789012",
        "region": "eu-central-1",
        "dry_run": False,
        "window": {"start": "2026-11-22T10:00:00Z", "end": "2026-11-23T10:00:00Z"},
        "instances": {
            "requested": 4,
            "ok": 2,
            "empty": 1,
            "partial": 0,
            "failed": 1,
            "created": 2,
            "not_due": 5,
        },
        "rows": {"inserted": 25, "updated": 2, "unchanged": 21},
        "hours": {"owed": 24, "healed": 3},
        "plan": {"freshness_hours": 6, "reason": "FRESHNESS_HOURS is 6."},
        "cloudwatch": {
            "api": "metric-data",
            "calls": 3,
            "metrics_billed": 12,
            "estimated_cost_usd": 0.00012,
        },
        "failures": [{"instance_id": instance_id(4), "reason": "InternalError"}],
        "failures_not_listed": 0,
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("outcomes", "error", "status"),
    [
        ([OK, EMPTY], None, "ok"),
        ([EMPTY, EMPTY], None, "ok"),
        ([], None, "ok"),
        ([OK, PARTIAL], None, "partial"),
        ([PARTIAL, PARTIAL], None, "partial"),
        ([EMPTY, FAILED], None, "partial"),
        ([FAILED, FAILED], None, "failed"),
        ([OK, OK], "the time was up", "partial"),
        ([FAILED], "the database is gone", "failed"),
    ],
)
def test_the_status(outcomes: Sequence[Outcome], error: str | None, status: str) -> None:
    made = report_of(*outcomes)
    made.error = error
    assert made.status == made.as_dict()["status"] == status


@given(st.lists(st.sampled_from(Outcome), max_size=30), st.integers(1, 7))
def test_batches_of_any_size_add_up_to_the_same(outcomes: list[Outcome], size: int) -> None:
    whole, cut = report_of(*outcomes), new_result(len(outcomes))
    every = lines(*outcomes)
    for first in range(0, len(every), size):
        batch = every[first : first + size]
        cut.add(batch, Cost(1, 3 * len(batch)))
    assert cut.counts == whole.counts
    assert cut.failures == whole.failures
    assert cut.cost.metrics_billed == whole.cost.metrics_billed == 3 * len(outcomes)
    assert whole.counts.instances == whole.run.requested
    assert whole.counts.incomplete == len(whole.failures)


def test_a_long_list_of_failures_is_cut_and_says_by_how_many() -> None:
    """A function's failure destination takes 256 KB, which the result has to fit into."""
    made = new_result(10_000)
    said = "A reason of a length that CloudWatch's messages have. " * 4
    every = [InstanceOutcome(instance_id(n), FAILED, reason=said) for n in range(10_000)]
    made.add(every, Cost(60, 30_000))
    result = made.as_dict()
    assert len(result["failures"]) == MAX_FAILURES_LISTED
    assert result["failures_not_listed"] == 10_000 - MAX_FAILURES_LISTED
    assert result["instances"]["failed"] == 10_000
    assert len(json.dumps(result)) < 256 * 1024


def test_the_error_of_a_run_that_is_not_whole_tells_how_much_and_why() -> None:
    made = report_of(OK, PARTIAL, FAILED)
    made.run = replace(made.run, run_id="c3a1f2d4")
    assert str(IncompleteRunError(made)) == (
        "2 of 3 instances were not wholly read and stored (run c3a1f2d4, partial). "
        f"First: {instance_id(1)}: Throttled The next run reads the same hours again."
    )


def test_without_a_reason_there_is_no_first() -> None:
    made = new_result(2)
    made.add([InstanceOutcome(instance_id(1), FAILED)], Cost(0, 0))
    assert "First" not in made.summary()
