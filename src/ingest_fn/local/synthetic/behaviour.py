"""How each kind of machine spends an hour: what a perfect observer would have measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from ingest_fn.local.synthetic.fleet import ROLES, Kind, Machine
from ingest_fn.pipeline.model import HOUR_SECONDS, utc


@dataclass(frozen=True, slots=True)
class Hour:
    """CPU and memory in percent, mean and peak; bytes received and sent."""

    cpu: float
    cpu_max: float
    network_in: float
    network_out: float
    memory: float
    memory_max: float


def spend(machine: Machine, stamp: int, random: Random) -> Hour | None:
    """The machine's hour that starts at ``stamp``; None while it is stopped or not yet launched."""
    if not runs(machine, stamp):
        return None
    load, burst, traffic = _BEHAVIOUR[machine.kind](utc(stamp), random)
    cpu = min(97.0, max(0.3, load * machine.level * random.gauss(1, 0.06)))
    peak = min(100.0, cpu * burst * random.uniform(1.0, 1.3) + random.uniform(0.5, 3))
    sent = traffic * machine.level * cpu * random.uniform(0.85, 1.15)
    received = sent * random.uniform(0.25, 0.45)
    memory = ROLES[machine.kind].memory * machine.level * (0.9 + 0.1 * _rhythm(utc(stamp)))
    return Hour(
        round(cpu, 6),
        round(max(cpu, peak), 6),
        round(received),
        round(sent),
        round(memory, 6),
        round(memory * (1.02 + 0.03 * (stamp // 3600 % 3)), 6),
    )


def runs(machine: Machine, stamp: int) -> bool:
    """Whether the machine is running in the hour that starts at ``stamp``."""
    if stamp < machine.launched or (machine.stopped is not None and stamp >= machine.stopped):
        return False
    if machine.resized is not None and machine.resized - HOUR_SECONDS <= stamp < machine.resized:
        return False
    return machine.kind is not Kind.STOPPED_AT_NIGHT or _office_hours(utc(stamp))


def type_at(machine: Machine, stamp: int) -> str:
    """The type that the machine has in the hour that starts at ``stamp``."""
    if machine.resized is None or machine.old_type is None or stamp >= machine.resized:
        return machine.instance_type
    return machine.old_type


def _office_hours(moment: datetime) -> bool:
    return moment.weekday() < 5 and 7 <= moment.hour < 19


def _rhythm(moment: datetime) -> float:
    """0 to 1: quiet at night, busiest in the early afternoon, weekends at less than half."""
    day = 0.5 - 0.5 * math.cos(2 * math.pi * (moment.hour - 2) / 24)
    return day * (0.45 if moment.weekday() >= 5 else 1.0)


def _web(moment: datetime, _: Random) -> tuple[float, float, float]:
    return 8 + 34 * _rhythm(moment), 1.15, 2.2e7


def _weekdays(moment: datetime, _: Random) -> tuple[float, float, float]:
    return 10 + 30 * _rhythm(moment), 1.2, 2.2e7


def _batch(moment: datetime, random: Random) -> tuple[float, float, float]:
    working = moment.hour in {1, 2, 3} or (moment.hour == 4 and random.random() < 0.5)
    return (46, 1.05, 1.4e7) if working else (2.5, 3.0, 8e6)


def _database(moment: datetime, _: Random) -> tuple[float, float, float]:
    growth = moment.timetuple().tm_yday / 365 * 6
    return 24 + growth + 10 * _rhythm(moment), 1.15, 3e7


def _idle(_: datetime, random: Random) -> tuple[float, float, float]:
    blip = 1.4 if random.random() < 0.03 else 1
    return 0.7 * blip, 1.1, 1e5


def _oversized(moment: datetime, _: Random) -> tuple[float, float, float]:
    return 4.5 + 3 * _rhythm(moment), 1.4, 6e7


def _undersized(moment: datetime, _: Random) -> tuple[float, float, float]:
    return 52 + 40 * _rhythm(moment), 1.1, 4e7


def _office(moment: datetime, _: Random) -> tuple[float, float, float]:
    return (38, 1.15, 1.8e7) if _office_hours(moment) else (1.2, 1.2, 2e5)


_BEHAVIOUR: dict[Kind, Callable[[datetime, Random], tuple[float, float, float]]] = {
    Kind.WEB: _web,
    Kind.BATCH: _batch,
    Kind.DATABASE: _database,
    Kind.IDLE: _idle,
    Kind.OVERSIZED: _oversized,
    Kind.UNDERSIZED: _undersized,
    Kind.OFFICE: _office,
    Kind.STOPPED_AT_NIGHT: _weekdays,
    Kind.NEWLY_LAUNCHED: _web,
    Kind.RESIZED: _web,
    Kind.STOPPED: _web,
    Kind.THIN: _web,
    Kind.SPOT: _web,
}
