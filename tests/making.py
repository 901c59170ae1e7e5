"""Short ways to make what the tests need: instances, windows, rows, readings, results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import HOUR, Api, Reading, Series, Window
from ingest_fn.pipeline.result import RunInfo, RunResult

Row = dict[str, float | None]
"""The values of one hour by column; None is missing."""

END = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = Window(END - 24 * HOUR, END)
COLUMNS = tuple(statistic.column for statistic in DEFAULT)
NOTHING: tuple[Series, ...] = tuple({} for _ in DEFAULT)


def instance_id(number: int) -> str:
    """An instance id, a different one per number."""
    return f"i-{number:017x}"


def row(**values: float) -> Row:
    """The values of one hour by column. A column that is not named is missing (None)."""
    assert values.keys() <= set(COLUMNS)
    return {column: values.get(column) for column in COLUMNS}


def reading(id_: str, hours: Mapping[int, Row]) -> Reading:
    """A reading of these hours."""
    series: tuple[Series, ...] = tuple({} for _ in COLUMNS)
    for hour, values in hours.items():
        for column, kept in zip(COLUMNS, series, strict=True):
            if (value := values[column]) is not None:
                kept[hour] = value
    return Reading(id_, series)


def whole_day(id_: str, cpu: float = 10.0, window: Window = DAY) -> Reading:
    """A reading with every statistic in every hour. The values differ from hour to hour."""
    return reading(
        id_,
        {
            hour: row(
                cpu_utilization=cpu + number,
                cpu_utilization_max=cpu + number + 5,
                sample_count=12,
                network_in=1e6 + number,
                network_out=2e6 + number,
            )
            for number, hour in enumerate(window.hours)
        },
    )


def new_result(requested: int = 1, *, dry_run: bool = False, window: Window = DAY) -> RunResult:
    """A result at the start of its run."""
    run = RunInfo(str(uuid4()), "cli", "eu-central-1", window, dry_run, Api.METRIC_DATA, requested)
    return RunResult(run, runs_a_month=730)
