"""What CloudWatch would have of a synthetic fleet: with gaps, thin hours and late samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from ingest_fn.local.synthetic.behaviour import Hour, spend
from ingest_fn.local.synthetic.fleet import Kind, Machine
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import HOUR_SECONDS, Reading, Series, Window, utc
from ingest_fn.pipeline.statistic import Statistics

GAP, THIN, LATE = 0.004, 0.01, 0.25
"""Shares of the hours that are missing, that lost samples for good, and whose last come late."""

MOSTLY = 0.6
"""The share of the hours that are missing of a machine whose data is thin."""

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
        if hour is None or gap < (MOSTLY if machine.kind is Kind.THIN else GAP):
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
        hour.memory,
        hour.memory_max,
    )


def readings(
    fleet: Iterable[Machine],
    window: Window,
    as_of: datetime | None = None,
    statistics: Statistics = DEFAULT,
) -> Iterator[Reading]:
    """A reading of each machine, as if CloudWatch had been asked; one at a time.

    Of ``statistics`` it has the default ones, and memory where the machine has an agent.
    """
    for machine in fleet:
        series: dict[str, Series] = {entry.column: {} for entry in statistics}
        for seen in observe(machine, window, as_of):
            for column, value in _values(machine, seen).items():
                if column in series:
                    series[column][seen.stamp] = value
        yield Reading(machine.instance_id, tuple(series.values()))


def _values(machine: Machine, seen: Observed) -> dict[str, float]:
    hour = seen.hour
    values = {
        "cpu_utilization": hour.cpu,
        "cpu_utilization_max": hour.cpu_max,
        "sample_count": seen.samples,
        "network_in": hour.network_in,
        "network_out": hour.network_out,
    }
    if machine.agent is not None:
        values |= {
            "memory_utilization": hour.memory,
            "memory_utilization_max": hour.memory_max,
        }
    return values


def metric_data(
    machine: Machine, window: Window, as_of: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """The same as entries of PutMetricData, three an hour, each a statistic set of the hour."""
    dimensions = [{"Name": "InstanceId", "Value": machine.instance_id}]
    for seen in observe(machine, window, as_of):
        hour = seen.hour
        yield _entry("CPUUtilization", dimensions, seen, hour.cpu * seen.samples, hour.cpu_max)
        yield _entry("NetworkIn", dimensions, seen, hour.network_in, hour.network_in)
        yield _entry("NetworkOut", dimensions, seen, hour.network_out, hour.network_out)


def agent_data(
    machine: Machine, window: Window, as_of: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """What the machine's agent publishes of its memory; nothing where there is no agent."""
    if machine.agent is None:
        return
    dimensions = [{"Name": name, "Value": value} for name, value in machine.agent.dimensions]
    for seen in observe(machine, window, as_of):
        total = seen.hour.memory * seen.samples
        yield _entry(machine.agent.metric, dimensions, seen, total, seen.hour.memory_max)


def _entry(
    name: str, dimensions: list[dict[str, str]], seen: Observed, total: float, most: float
) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": dimensions,
        "Timestamp": utc(seen.stamp),
        "Unit": "Bytes" if name.startswith("Network") else "Percent",
        "StatisticValues": {
            "SampleCount": seen.samples,
            "Sum": total,
            "Minimum": 0.0,
            "Maximum": most,
        },
    }
