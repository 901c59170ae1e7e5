"""The story of a run, told with the fakes: what is kept, what is counted, what is raised."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.errors import (
    AccessDeniedError,
    AwsError,
    IncompleteRunError,
    IngestError,
    StoreUnreachableError,
)
from ingest_fn.pipeline.arrears import due_by_window
from ingest_fn.pipeline.flow import STOP_WAITING
from ingest_fn.pipeline.ingest import run
from ingest_fn.pipeline.model import Api, Batch, Cost, Fetched, InstanceOutcome, Reading
from ingest_fn.pipeline.plan import Plan
from ingest_fn.pipeline.ports import NoObserver
from ingest_fn.pipeline.result import RunResult
from tests.making import DAY, NOTHING, instance_id, new_result, whole_day
from tests.stores import FakeStore

IDS = [instance_id(number) for number in range(12)]


class FakeCloudWatch:
    """Answers with whole days, but for what ``unread``, ``empty`` and ``errors`` say."""

    def __init__(self) -> None:
        self.unread: dict[str, str] = {}
        self.empty: set[str] = set()
        self.errors: dict[str, IngestError] = {}
        self.asked: list[str] = []
        self.spent = Cost()

    def fetch(self, batch: Batch) -> Fetched:
        instance_ids = batch.instance_ids
        self.asked += instance_ids
        self.spent += Cost(1, 3 * len(instance_ids))
        for id_ in instance_ids:
            if id_ in self.errors:
                raise self.errors[id_]
        return Fetched([self._reading(id_) for id_ in instance_ids], Cost(1, 3 * len(instance_ids)))

    def _reading(self, id_: str) -> Reading:
        series = NOTHING if id_ in self.empty else whole_day(id_).series
        return Reading(id_, series, self.unread.get(id_))


class Lines(NoObserver):
    """Remembers every line."""

    def __init__(self) -> None:
        self.seen: list[InstanceOutcome] = []

    def batch(self, outcomes: Sequence[InstanceOutcome]) -> None:
        self.seen += outcomes


def in_threes(ids: Sequence[str]) -> Plan:
    """A plan whose batches have three instances."""
    return Plan(Api.METRIC_STATISTICS, due_by_window(ids, DAY), workers=len(ids) // 3)


def ingest(
    cloudwatch: FakeCloudWatch,
    store: FakeStore,
    *,
    ids: Sequence[str] = IDS,
    observer: Lines | None = None,
    dry_run: bool = False,
    time_left: float = math.inf,
    workers: int = 2,
) -> RunResult:
    return run(
        new_result(len(ids), dry_run=dry_run),
        in_threes(ids),
        cloudwatch,
        store,
        store,
        observer=observer or Lines(),
        workers=workers,
        time_left=lambda: time_left,
    )


def test_a_whole_run() -> None:
    lines, store = Lines(), FakeStore()
    result = ingest(FakeCloudWatch(), store, observer=lines).as_dict()
    assert result["status"] == "ok"
    assert result["instances"]["ok"] == 12
    assert result["rows"] == {"inserted": 288, "updated": 0, "unchanged": 0}
    assert result["cloudwatch"]["calls"] == 4
    assert result["cloudwatch"]["metrics_billed"] == 36
    assert sorted(line.instance_id for line in lines.seen) == IDS
    assert list(store.ledger.values()) == ["ok"]


def test_the_second_run_finds_everything_unchanged() -> None:
    store = FakeStore()
    ingest(FakeCloudWatch(), store)
    assert ingest(FakeCloudWatch(), store).as_dict()["rows"] == {
        "inserted": 0,
        "updated": 0,
        "unchanged": 288,
    }


def test_one_instance_unread_leaves_the_others_stored_and_raises() -> None:
    cloudwatch, store = FakeCloudWatch(), FakeStore()
    cloudwatch.unread[IDS[4]], cloudwatch.empty = "Forbidden", {IDS[4]}
    with pytest.raises(IncompleteRunError) as caught:
        ingest(cloudwatch, store)
    result = caught.value.result.as_dict()
    assert result["status"] == "partial"
    assert result["failures"] == [{"instance_id": IDS[4], "reason": "Forbidden"}]
    assert store.instances == set(IDS) - {IDS[4]}
    assert IDS[4] in str(caught.value)
    assert list(store.ledger.values()) == ["partial"]


def test_what_was_read_of_a_partial_instance_is_stored() -> None:
    cloudwatch, store = FakeCloudWatch(), FakeStore()
    cloudwatch.unread[IDS[0]] = "PartialData"
    with pytest.raises(IncompleteRunError) as caught:
        ingest(cloudwatch, store)
    assert caught.value.result.counts.partial == 1
    assert len(store.rows) == 288


@pytest.mark.parametrize("stage", ["read", "store"])
def test_a_failing_batch_never_takes_its_neighbours_with_it(stage: str) -> None:
    cloudwatch, store = FakeCloudWatch(), FakeStore()
    if stage == "read":
        cloudwatch.errors[IDS[7]] = AwsError("throttled")
    else:
        store.refused = {IDS[7]}
    with pytest.raises(IncompleteRunError) as caught:
        ingest(cloudwatch, store)
    assert caught.value.result.counts.failed == 3
    assert store.instances == set(IDS) - set(IDS[6:9])


@pytest.mark.parametrize(
    "error", [AccessDeniedError("denied", "Allow it."), StoreUnreachableError("gone")]
)
def test_what_every_batch_would_meet_stops_the_run(error: IngestError) -> None:
    cloudwatch = FakeCloudWatch()
    ids = [instance_id(number) for number in range(300)]
    cloudwatch.errors = dict.fromkeys(ids, error)
    with pytest.raises(type(error)):
        ingest(cloudwatch, FakeStore(), ids=ids)
    assert len(cloudwatch.asked) <= 3 * 6


def test_a_denial_after_something_is_stored_is_an_incomplete_run() -> None:
    cloudwatch, store = FakeCloudWatch(), FakeStore()
    cloudwatch.errors[IDS[11]] = AccessDeniedError("denied")
    with pytest.raises(IncompleteRunError) as caught:
        ingest(cloudwatch, store, workers=1)
    assert caught.value.result.error == "denied"
    assert store.instances == set(IDS[:9])


def test_a_dry_run_counts_and_writes_nothing() -> None:
    store = FakeStore()
    result = ingest(FakeCloudWatch(), store, dry_run=True).as_dict()
    assert result["rows"]["inserted"] == 288
    assert result["dry_run"] is True
    assert (store.rows, store.instances, store.ledger) == ({}, set(), {})


def test_without_time_nothing_is_read_and_everything_is_accounted_for() -> None:
    cloudwatch = FakeCloudWatch()
    with pytest.raises(IncompleteRunError) as caught:
        ingest(cloudwatch, FakeStore(), time_left=1.0)
    assert cloudwatch.asked == []
    assert caught.value.result.counts.failed == 12
    assert "time was up" in caught.value.result.failures[0][1]


def test_what_is_read_too_late_is_not_stored() -> None:
    """A batch already reported as failed must not land behind the ledger's back."""
    clock, reported = [100.0], threading.Event()

    class Late(FakeCloudWatch):
        def fetch(self, batch: Batch) -> Fetched:
            if IDS[0] in batch.instance_ids:
                reported.wait(10)
            else:
                clock[0] = STOP_WAITING + 0.05
            return super().fetch(batch)

    cloudwatch, store = Late(), FakeStore()
    with pytest.raises(IncompleteRunError):
        run(
            new_result(6),
            in_threes(IDS[:6]),
            cloudwatch,
            store,
            store,
            observer=Lines(),
            workers=2,
            time_left=lambda: clock[0],
        )
    reported.set()
    for thread in threading.enumerate():
        if thread.name.startswith("batch"):
            thread.join(10)
    assert set(cloudwatch.asked) == set(IDS[:6])
    assert store.instances == set(IDS[3:6])


def test_165_asked_165_accounted_for() -> None:
    ids = [instance_id(number) for number in range(165)]
    cloudwatch, store = FakeCloudWatch(), FakeStore()
    cloudwatch.empty = set(ids[::10])
    cloudwatch.unread = dict.fromkeys(ids[::7], "InternalError")
    store.refused = {ids[33]}
    with pytest.raises(IncompleteRunError) as caught:
        ingest(cloudwatch, store, ids=ids)
    assert caught.value.result.counts.instances == 165


@given(
    st.sets(st.sampled_from(IDS)),
    st.sets(st.sampled_from(IDS)),
    st.sets(st.sampled_from(IDS)),
    st.sets(st.sampled_from(IDS)),
)
def test_requested_is_always_the_sum_of_the_outcomes(
    empty: set[str], unread: set[str], refused: set[str], failing: set[str]
) -> None:
    cloudwatch, store = FakeCloudWatch(), FakeStore()
    cloudwatch.empty, cloudwatch.unread = empty, dict.fromkeys(unread, "PartialData")
    cloudwatch.errors = {id_: AwsError("throttled") for id_ in failing}
    store.refused = refused
    try:
        result = ingest(cloudwatch, store)
    except IncompleteRunError as error:
        result = error.result
    assert result.counts.instances == result.run.requested == 12
    assert (result.status == "ok") == (not (unread | refused | failing))
    rows = result.counts.inserted + result.counts.updated + result.counts.unchanged
    assert rows == len(store.rows)
