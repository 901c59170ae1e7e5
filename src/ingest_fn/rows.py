"""Readings become rows: one an instance and hour, missing stays missing."""

from __future__ import annotations

from collections.abc import Iterable

from ingest_fn.model import STATISTICS, InstanceOutcome, Outcome, Reading, Rows, Written

MISSING = float("nan")


def make_rows(readings: Iterable[Reading]) -> Rows:
    """One row for each instance and hour for which CloudWatch had any statistic.

    An instance of which nothing could be read is left out; one that has no data is not.
    """
    known = sorted((r for r in readings if not failed(r)), key=lambda r: r.instance_id)
    instance: list[int] = []
    hour: list[int] = []
    values: tuple[list[float], ...] = tuple([] for _ in STATISTICS)
    for position, reading in enumerate(known):
        hours = hours_of(reading)
        instance.extend([position] * len(hours))
        hour.extend(hours)
        for column, series in zip(values, reading.series, strict=True):
            column.extend([series.get(stamp, MISSING) for stamp in hours])
    return Rows(tuple(r.instance_id for r in known), instance, hour, values)


def hours_of(reading: Reading) -> list[int]:
    """The hours (epoch seconds) for which the instance has any statistic, in order."""
    return sorted(set().union(*reading.series))


def failed(reading: Reading) -> bool:
    """Whether nothing at all could be read of the instance."""
    return reading.unread is not None and not reading.datapoints


def outcome_of(reading: Reading, written: Written) -> InstanceOutcome:
    """The line of one instance after its rows went to the store."""
    rows = len(hours_of(reading))
    change = written.changes.get(reading.instance_id)
    inserted, updated = (change.inserted, change.updated) if change else (0, 0)
    if reading.unread is not None:
        outcome = Outcome.PARTIAL if reading.datapoints else Outcome.FAILED
    else:
        outcome = Outcome.OK if reading.datapoints else Outcome.EMPTY
    return InstanceOutcome(
        reading.instance_id,
        outcome,
        reason=reading.unread,
        datapoints=reading.datapoints,
        inserted=inserted,
        updated=updated,
        unchanged=rows - inserted - updated,
        created=reading.instance_id in written.created,
    )
