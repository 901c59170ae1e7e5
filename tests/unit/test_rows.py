from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import Change, InstanceOutcome, Outcome, Reading, Written
from ingest_fn.pipeline.rows import make_rows, outcomes_of
from tests.making import NOTHING

ID = "i-0123456789abcdef0"
stamps = st.integers(450_000, 450_100).map(lambda hour: hour * 3600)
series = st.dictionaries(stamps, st.floats(0, 1e12), max_size=6)
readings = st.tuples(*[series for _ in DEFAULT]).map(lambda given: Reading(ID, given))


@given(readings)
def test_a_row_for_each_hour_that_has_anything_and_nothing_invented(reading: Reading) -> None:
    rows = make_rows([reading])
    assert rows.hour == sorted({hour for series in reading.series for hour in series})
    for values, series in zip(rows.values, reading.series, strict=True):
        for hour, value in zip(rows.hour, values, strict=True):
            assert value == series[hour] if hour in series else math.isnan(value)


def test_what_could_not_be_read_makes_no_row_and_no_instance() -> None:
    rows = make_rows([Reading("i-b", NOTHING, "Forbidden"), Reading("i-a", NOTHING)])
    assert rows.instance_ids == ["i-a"]
    assert len(rows) == 0


@given(st.lists(readings, max_size=4))
def test_rows_of_a_batch_go_by_instance(batch: list[Reading]) -> None:
    named = [Reading(f"i-{k}", reading.series) for k, reading in enumerate(batch)]
    rows = make_rows(reversed(named))
    assert list(rows.instance_ids) == sorted(r.instance_id for r in named)
    assert rows.counts == [len(make_rows([named[int(id_[2:])]])) for id_ in rows.instance_ids]
    assert sum(rows.counts) == len(rows)


def outcome_of(reading: Reading, written: Written) -> InstanceOutcome:
    (line,) = outcomes_of([reading], make_rows([reading]), written)
    return line


def test_the_outcome_of_an_instance() -> None:
    full = tuple({3600: 1.0, 7200: 2.0} for _ in DEFAULT)
    written = Written(frozenset({ID}), {ID: Change(inserted=1, updated=0)})

    line = outcome_of(Reading(ID, full), written)
    assert (line.outcome, line.datapoints, line.created) == (Outcome.OK, 10, True)
    assert (line.inserted, line.updated, line.unchanged) == (1, 0, 1)

    nothing = Written(frozenset(), {})
    assert outcome_of(Reading(ID, NOTHING), nothing).outcome is Outcome.EMPTY
    assert outcome_of(Reading(ID, full, "PartialData"), nothing).outcome is Outcome.PARTIAL
    assert outcome_of(Reading(ID, NOTHING, "Forbidden"), nothing).outcome is Outcome.FAILED
