"""One behavioural suite for all stores, and a store in memory for the tests of the pipeline."""

from __future__ import annotations

import math
from itertools import chain, repeat
from struct import pack, unpack
from threading import Lock
from typing import Protocol

import pytest

from ingest_fn.errors import StoreError
from ingest_fn.pipeline.arrears import Due, Settlement
from ingest_fn.pipeline.model import Change, Cost, InstanceOutcome, Outcome, Reading, Rows, Written
from ingest_fn.pipeline.ports import Ledger, MetricSink
from ingest_fn.pipeline.result import RunInfo, RunResult
from ingest_fn.pipeline.rows import make_rows
from tests.making import (
    COLUMNS,
    DAY,
    NOTHING,
    Row,
    instance_id,
    new_result,
    reading,
    row,
    whole_day,
)

Stored = dict[tuple[str, int], Row]
"""Rows by instance id and hour."""

WHOLE = {"network_in", "network_out"}
ONE, TWO, THREE = (instance_id(number) for number in (1, 2, 3))
FIRST = DAY.hours[0]
WHOLE_ROW = row(
    cpu_utilization=12.25,
    cpu_utilization_max=99.5,
    sample_count=60,
    network_in=123456789012.0,
    network_out=3.5,
)
REVISED = WHOLE_ROW | {"cpu_utilization": 11.0}
ZERO = row(
    cpu_utilization=0.0, cpu_utilization_max=0.0, sample_count=12, network_in=0.0, network_out=0.0
)
NOTHING_DUE = Settlement(Due([]))


class Store(MetricSink, Ledger, Protocol):
    """Rows and runs in one, as both are kept in one database."""


class FakeStore:
    """Keeps rows in a dict, and fails for the instances in ``refused``."""

    def __init__(self) -> None:
        self.instances: set[str] = set()
        self.rows: Stored = {}
        self.ledger: dict[str, str] = {}
        self.refused: set[str] = set()
        self._lock = Lock()

    def begin(self, run: RunInfo) -> None:
        self.ledger[run.run_id] = "running"

    def finish(self, result: RunResult, settlement: Settlement | None = None) -> None:
        self.ledger[result.run.run_id] = result.status
        result.newest_hour_age = 4500.0 if self.rows else None

    def write(self, rows: Rows) -> Written:
        with self._lock:
            return self._apply(rows, write=True)

    def preview(self, rows: Rows) -> Written:
        with self._lock:
            return self._apply(rows, write=False)

    def _apply(self, rows: Rows, *, write: bool) -> Written:
        if self.refused.intersection(rows.instance_ids):
            raise StoreError("Postgres refused a batch.")
        created = frozenset(rows.instance_ids) - self.instances
        changes: dict[str, Change] = {}
        ids = chain.from_iterable(map(repeat, rows.instance_ids, rows.counts))
        for number, (id_, hour) in enumerate(zip(ids, rows.hour, strict=True)):
            sent = {
                name: _kept(column[number], name)
                for name, column in zip(COLUMNS, rows.values, strict=True)
            }
            stored = self.rows.get((id_, hour))
            known: Row = {name: value for name, value in sent.items() if value is not None}
            new = sent if stored is None else stored | known
            if new == stored:
                continue
            change = changes.get(id_, Change(0, 0))
            changes[id_] = Change(
                change.inserted + (stored is None), change.updated + (stored is not None)
            )
            if write:
                self.rows[id_, hour] = new
        if write:
            self.instances |= created
        return Written(created, changes)


def _kept(value: float, column: str) -> float | None:
    """NaN is NULL. A percentage has the precision of a real."""
    if math.isnan(value):
        return None
    return value if column in WHOLE else float(unpack("f", pack("f", value))[0])


class StoreSuite:
    """What every store does. A subclass has the fixture ``store`` and the method ``stored``."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def stored(self, store: Store) -> Stored:
        raise NotImplementedError

    def test_unknown_instances_and_rows_are_inserted(self, store: Store) -> None:
        written = store.write(make_rows([whole_day(ONE), whole_day(TWO)]))
        assert written.created == {ONE, TWO}
        assert written.changes == {ONE: Change(24, 0), TWO: Change(24, 0)}
        assert len(self.stored(store)) == 48

    def test_the_values_come_back_as_they_went_in(self, store: Store) -> None:
        store.write(make_rows([reading(ONE, {FIRST: WHOLE_ROW})]))
        assert self.stored(store) == {(ONE, FIRST): WHOLE_ROW}

    def test_the_same_rows_again_change_nothing(self, store: Store) -> None:
        rows = make_rows([whole_day(ONE, cpu=0.1), whole_day(TWO, cpu=33.3333333)])
        store.write(rows)
        before = self.stored(store)
        assert store.write(rows) == Written(frozenset(), {})
        assert self.stored(store) == before

    def test_a_revised_hour_updates_one_row(self, store: Store) -> None:
        store.write(make_rows([whole_day(ONE)]))
        revised = reading(ONE, {FIRST: REVISED})
        assert store.write(make_rows([revised])) == Written(frozenset(), {ONE: Change(0, 1)})
        assert self.stored(store)[ONE, FIRST] == REVISED

    def test_missing_is_null_and_never_zero(self, store: Store) -> None:
        store.write(make_rows([reading(ONE, {FIRST: row(network_in=5.0)})]))
        (stored,) = self.stored(store).values()
        assert stored["network_in"] == 5.0
        assert [name for name, value in stored.items() if value is not None] == ["network_in"]

    def test_zero_is_zero(self, store: Store) -> None:
        store.write(make_rows([reading(ONE, {FIRST: ZERO})]))
        assert self.stored(store) == {(ONE, FIRST): ZERO}

    def test_a_value_is_never_overwritten_by_missing(self, store: Store) -> None:
        before = row(cpu_utilization=7.0, cpu_utilization_max=8.0, sample_count=12, network_out=2.0)
        store.write(make_rows([reading(ONE, {FIRST: before})]))
        later = reading(ONE, {FIRST: row(cpu_utilization_max=9.0, network_in=1.0)})
        assert store.write(make_rows([later])).changes == {ONE: Change(0, 1)}
        both = before | {"cpu_utilization_max": 9.0, "network_in": 1.0}
        assert self.stored(store) == {(ONE, FIRST): both}
        nothing_new = reading(ONE, {FIRST: row(sample_count=12)})
        assert store.write(make_rows([nothing_new])).changes == {}

    def test_an_instance_without_data_still_gets_its_row(self, store: Store) -> None:
        rows = make_rows([Reading(ONE, NOTHING)])
        assert store.write(rows) == Written(frozenset({ONE}), {})
        assert store.write(rows) == Written(frozenset(), {})

    def test_a_preview_says_what_a_write_would_do_and_does_nothing(self, store: Store) -> None:
        store.write(make_rows([whole_day(ONE)]))
        revised = reading(ONE, {FIRST: REVISED})
        rows = make_rows([revised, whole_day(TWO), Reading(THREE, NOTHING)])
        before = self.stored(store)
        preview = store.preview(rows)
        assert self.stored(store) == before
        assert preview == store.write(rows)
        assert preview.changes == {ONE: Change(0, 1), TWO: Change(24, 0)}

    def test_the_ledger_takes_a_run(self, store: Store) -> None:
        store.write(make_rows([whole_day(ONE)]))
        run = new_result()
        store.begin(run.run)
        run.add([InstanceOutcome(ONE, Outcome.OK)], Cost(1, 3))
        store.finish(run, NOTHING_DUE)
        assert run.newest_hour_age is not None
        assert run.newest_hour_age > 0

    def test_an_empty_store_has_no_newest_hour(self, store: Store) -> None:
        run = new_result()
        store.begin(run.run)
        run.add([InstanceOutcome(ONE, Outcome.OK)], Cost(1, 3))
        store.finish(run, NOTHING_DUE)
        assert run.newest_hour_age is None
