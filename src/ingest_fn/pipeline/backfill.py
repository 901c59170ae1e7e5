"""Hours to read on purpose, cut so that each piece can be stored and counted by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ingest_fn.pipeline.arrears import Due, Need
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import Window
from ingest_fn.pipeline.plan import requests_per_metric
from ingest_fn.pipeline.statistic import Statistics, metrics_of

ROWS_PER_PIECE = 200_000
"""A piece is lost when the command is killed: so many rows are read again, and no more."""


@dataclass(frozen=True, slots=True)
class Volume:
    """How much a backfill reads: instances, hours of instances, metrics and requests billed."""

    instances: int
    hours: int
    metrics: int
    requests: int
    datapoints: int


def pieces(unread: Mapping[str, Iterable[Window]]) -> Iterator[Due]:
    """The unread windows of each instance, as many together as make a piece, the newest first.

    A window stays whole: CloudWatch bills by metric, so cutting it would multiply the price.
    """
    by_window: dict[Window, list[str]] = defaultdict(list)
    for instance_id in sorted(unread):
        for window in unread[instance_id]:
            by_window[window].append(instance_id)
    for window in sorted(by_window, key=lambda window: (window.end, window.start), reverse=True):
        ids = by_window[window]
        size = max(1, ROWS_PER_PIECE // window.hour_count)
        for first in range(0, len(ids), size):
            piece = ids[first : first + size]
            yield Due([Need(piece, window)], exceptions=frozenset(piece))


def volume(unread: Mapping[str, Iterable[Window]], statistics: Statistics = DEFAULT) -> Volume:
    """How much ``unread`` is."""
    windows = [window for found in unread.values() for window in found]
    hours = sum(window.hour_count for window in windows)
    metrics = len(metrics_of(statistics))
    return Volume(
        instances=len([found for found in unread.values() if found]),
        hours=hours,
        metrics=metrics * len(windows),
        requests=metrics * sum(map(requests_per_metric, windows)),
        datapoints=hours * len(statistics),
    )
