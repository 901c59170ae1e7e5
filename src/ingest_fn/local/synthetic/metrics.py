"""What CloudWatch would have of a synthetic fleet: with gaps, thin hours and late samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from ingest_fn.local.synthetic.behaviour import Hour, spend
from ingest_fn.local.synthetic.fleet import Machine
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import HOUR_SECONDS, Reading, Series, Window, utc

GAP, THIN, LATE = 0.004, 0.01, 0.25
"""Shares of the hours that are missing, that lost samples for good, and whose last come late."""

SETTLED = timedelta(hours=2)
"""How long after its end an hour may still change."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One hour as CloudWatch has it."""

    stamp: int
    hour: Hour
    samples: int


def observe(machine: Machine, window: Window, as_of: datetime | None = None) -> Iterator[Observed]:
    """The machine's hours of ``window`` as seen at ``as_of`` (None: long after).

    An hour depends on the machine and itself alone, so any window shows it the same.
    """
    for stamp in window.hours:
        random = Random(f"{machine.seed}/{stamp}")  # noqa: S311  reproducible, not secret
        hour = spend(machine, stamp, random)
        gap, thin, late, lost = (random.random() for _ in range(4))
        if hour is None or gap < GAP:
            continue
        samples = machine.samples
        if thin < THIN:
            samples = max(1, round(samples * lost))
        recent = as_of is not None and utc(stamp + HOUR_SECONDS) > as_of - SETTLED
        if recent and late < LATE:
            yield Observed(stamp, _early(hour, lost), max(1, samples - 1))
        else:
            yield Observed(stamp, hour, samples)


def _early(hour: Hour, lost: float) -> Hour:
    """The hour before its last sample came in."""
    return Hour(
        round(hour.cpu * (0.97 + 0.03 * lost), 6),
        hour.cpu_max,
        round(hour.network_in * 0.92),
        round(hour.network_out * 0.92),
    )


def readings(
    fleet: Iterable[Machine], window: Window, as_of: datetime | None = None
) -> Iterator[Reading]:
    """A reading of each machine, as if CloudWatch had been asked; one at a time."""
    for machine in fleet:
        series: tuple[Series, ...] = tuple({} for _ in DEFAULT)
        for seen in observe(machine, window, as_of):
            hour = seen.hour
            values = (hour.cpu, hour.cpu_max, seen.samples, hour.network_in, hour.network_out)
            for kept, value in zip(series, values, strict=True):
                kept[seen.stamp] = value
        yield Reading(machine.instance_id, series)


def metric_data(
    machine: Machine, window: Window, as_of: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """The same as entries of PutMetricData, three an hour, each a statistic set of the hour."""
    for seen in observe(machine, window, as_of):
        hour = seen.hour
        sets = {
            "CPUUtilization": ("Percent", hour.cpu * seen.samples, hour.cpu_max),
            "NetworkIn": ("Bytes", hour.network_in, hour.network_in),
            "NetworkOut": ("Bytes", hour.network_out, hour.network_out),
        }
        for name, (unit, total, most) in sets.items():
            yield {
                "MetricName": name,
                "Dimensions": [{"Name": "InstanceId", "Value": machine.instance_id}],
                "Timestamp": utc(seen.stamp),
                "Unit": unit,
                "StatisticValues": {
                    "SampleCount": seen.samples,
                    "Sum": total,
                    "Minimum": 0.0,
                    "Maximum": most,
                },
            }
