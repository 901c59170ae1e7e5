"""How each kind of machine spends an hour: what a perfect observer would have measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from ingest_fn.local.synthetic.fleet import Kind, Machine
from ingest_fn.pipeline.model import utc


@dataclass(frozen=True, slots=True)
class Hour:
    """CPU in percent, mean and peak; bytes received and sent."""

    cpu: float
    cpu_max: float
    network_in: float
    network_out: float


def spend(machine: Machine, stamp: int, random: Random) -> Hour | None:
    """The machine's hour that starts at ``stamp``; None while it is stopped or not yet launched."""
    moment = utc(stamp)
    if machine.launched is not None and stamp < machine.launched:
        return None
    if machine.kind is Kind.STOPPED_AT_NIGHT and not _office_hours(moment):
        return None
    load, burst, traffic = _BEHAVIOUR[machine.kind](moment, random)
    cpu = min(97.0, max(0.3, load * machine.level * random.gauss(1, 0.06)))
    peak = min(100.0, cpu * burst * random.uniform(1.0, 1.3) + random.uniform(0.5, 3))
    sent = traffic * machine.level * cpu * random.uniform(0.85, 1.15)
    received = sent * random.uniform(0.25, 0.45)
    return Hour(round(cpu, 6), round(max(cpu, peak), 6), round(received), round(sent))


def _office_hours(moment: datetime) -> bool:
    return moment.weekday() < 5 and 7 <= moment.hour < 19


def _rhythm(moment: datetime) -> float:
    """0 to 1: quiet at night, busiest in the early afternoon, weekends at less than half."""
    day = 0.5 - 0.5 * math.cos(2 * math.pi * (moment.hour - 2) / 24)
    return day * (0.45 if moment.weekday() >= 5 else 1.0)


def _web(moment: datetime, _: Random) -> tuple[float, float, float]:
    return 8 + 52 * _rhythm(moment), 1.5, 2.2e7


def _batch(moment: datetime, random: Random) -> tuple[float, float, float]:
    working = moment.hour in {1, 2, 3} or (moment.hour == 4 and random.random() < 0.5)
    return (88, 1.1, 1.4e7) if working else (2.5, 3.0, 8e6)


def _database(moment: datetime, _: Random) -> tuple[float, float, float]:
    growth = moment.timetuple().tm_yday / 365 * 8
    return 28 + growth + 14 * _rhythm(moment), 1.6, 3e7


def _idle(_: datetime, random: Random) -> tuple[float, float, float]:
    blip = 4 if random.random() < 0.03 else 1
    return 1.1 * blip, 2.0, 1.5e6


def _oversized(moment: datetime, _: Random) -> tuple[float, float, float]:
    return 4.5 + 3 * _rhythm(moment), 1.4, 6e7


_BEHAVIOUR: dict[Kind, Callable[[datetime, Random], tuple[float, float, float]]] = {
    Kind.WEB: _web,
    Kind.BATCH: _batch,
    Kind.DATABASE: _database,
    Kind.IDLE: _idle,
    Kind.OVERSIZED: _oversized,
    Kind.STOPPED_AT_NIGHT: _web,
    Kind.NEWLY_LAUNCHED: _web,
}
