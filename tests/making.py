"""Shorthand for the tests: instances, windows, readings, reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import HOUR, Api, Reading, Series, Window
from ingest_fn.pipeline.result import RunInfo, RunResult

END = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = Window(END - 24 * HOUR, END)
NOTHING: tuple[Series, ...] = tuple({} for _ in DEFAULT)


def instance_id(number: int) -> str:
    """The number-th made-up instance."""
    return f"i-{number:017x}"


def reading(id_: str, hours: dict[int, Sequence[float | None]]) -> Reading:
    """A reading from one tuple of values an hour, in the order of DEFAULT, None for missing."""
    series: tuple[Series, ...] = tuple({} for _ in DEFAULT)
    for hour, values in hours.items():
        for kept, value in zip(series, values, strict=True):
            if value is not None:
                kept[hour] = value
    return Reading(id_, series)


def whole_day(id_: str, cpu: float = 10.0, window: Window = DAY) -> Reading:
    """A reading with every statistic of every hour, the values told apart by hour."""
    return reading(
        id_,
        {
            stamp: (cpu + k, cpu + k + 5, 12, 1e6 + k, 2e6 + k)
            for k, stamp in enumerate(window.hours)
        },
    )


def new_result(requested: int = 1, *, dry_run: bool = False, window: Window = DAY) -> RunResult:
    """A report at the start of its run."""
    run = RunInfo(str(uuid4()), "cli", "eu-central-1", window, dry_run, Api.METRIC_DATA, requested)
    return RunResult(run, runs_a_month=730)
