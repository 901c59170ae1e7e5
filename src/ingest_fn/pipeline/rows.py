"""Turn readings into rows: one row per instance and hour. Missing values stay missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter

from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import Change, InstanceOutcome, Outcome, Reading, Rows, Written
from ingest_fn.pipeline.statistic import Statistics

MISSING = float("nan")
_NO_CHANGE = Change(0, 0)


def make_rows(readings: Iterable[Reading], statistics: Statistics = DEFAULT) -> Rows:
    """One row for each instance and hour for which CloudWatch had any of ``statistics``.

    An instance of which nothing could be read is left out; one that has no data is not.
    """
    known = sorted((r for r in readings if not failed(r)), key=attrgetter("instance_id"))
    counts: list[int] = []
    hour: list[int] = []
    values: tuple[list[float], ...] = tuple([] for _ in statistics)
    for reading in known:
        hours = sorted(set().union(*reading.series))
        counts.append(len(hours))
        hour.extend(hours)
        for column, series in zip(values, reading.series, strict=True):
            # Most series are whole and in order: their values need not be looked up one by one.
            if list(series) == hours:
                column.extend(series.values())
            else:
                column.extend([series.get(hour, MISSING) for hour in hours])
    return Rows([reading.instance_id for reading in known], counts, hour, values, statistics)


def failed(reading: Reading) -> bool:
    """Whether nothing at all could be read of the instance."""
    return reading.unread is not None and not reading.datapoints


def outcomes_of(
    readings: Iterable[Reading], rows: Rows, written: Written
) -> Iterator[InstanceOutcome]:
    """The outcome of each instance after its rows went to the store."""
    counts = dict(zip(rows.instance_ids, rows.counts, strict=True))
    for reading in readings:
        yield _outcome_of(reading, counts.get(reading.instance_id, 0), written)


def _outcome_of(reading: Reading, rows: int, written: Written) -> InstanceOutcome:
    datapoints = reading.datapoints
    change = written.changes.get(reading.instance_id, _NO_CHANGE)
    inserted, updated = change.inserted, change.updated
    if reading.unread is not None:
        outcome = Outcome.PARTIAL if datapoints else Outcome.FAILED
    else:
        outcome = Outcome.OK if datapoints else Outcome.EMPTY
    return InstanceOutcome(
        reading.instance_id,
        outcome,
        reason=reading.unread,
        datapoints=datapoints,
        inserted=inserted,
        updated=updated,
        unchanged=rows - inserted - updated,
        healed=change.healed,
        created=reading.instance_id in written.created,
        cpu=reading.series[0] if reading.series else None,  # the catalogue begins with it
    )
