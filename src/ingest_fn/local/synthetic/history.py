"""What EC2 would say of a synthetic machine at any time, and when that changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingest_fn.local.synthetic.behaviour import runs, type_at
from ingest_fn.local.synthetic.fleet import Kind, Machine
from ingest_fn.pipeline.machine import Machine as Described
from ingest_fn.pipeline.model import HOUR_SECONDS, Window, utc


def described(machine: Machine, time: int) -> Described | None:
    """The machine as DescribeInstances shows it at ``time``; None before its launch."""
    if time < machine.launched:
        return None
    hour = time - time % HOUR_SECONDS
    running = runs(machine, hour)
    instance_type = machine.old_type if _resizing(machine, hour) else type_at(machine, hour)
    return Described(
        instance_id=machine.instance_id,
        instance_type=instance_type or machine.instance_type,
        state="running" if running else "stopped",
        launched_at=machine.launched,
        started_at=_started(machine, hour, running=running),
        state_since=None if running else _since(machine, hour, running=False),
        name=machine.name,
        availability_zone=machine.availability_zone,
        platform="Linux",
        lifecycle="spot" if machine.kind is Kind.SPOT else "on-demand",
        architecture="arm64",
        image_id=machine.image_id,
        host=machine.host,
        tags=machine.tags,
    )


def looks(fleet: Sequence[Machine], window: Window) -> Iterator[tuple[int, dict[str, Described]]]:
    """The fleet at the start of ``window``, and then at each change those that changed."""
    last: dict[str, Described] = {}
    for hour in (*window.hours, window.hours.stop):
        # Most machines change at a few hours only, or never.
        due = fleet if hour == window.hours.start else [m for m in fleet if _changes(m, hour)]
        seen = {m.instance_id: found for m in due if (found := described(m, hour)) is not None}
        changed = {key: one for key, one in seen.items() if last.get(key) != one}
        last |= changed
        if changed:
            yield hour, changed


def _changes(machine: Machine, hour: int) -> bool:
    resized = machine.resized
    at = {machine.launched, machine.stopped, resized, resized and resized - HOUR_SECONDS}
    nightly = machine.kind is Kind.STOPPED_AT_NIGHT and utc(hour).hour in {7, 19}
    return nightly or hour in at


def _resizing(machine: Machine, hour: int) -> bool:
    return machine.resized is not None and hour < machine.resized


def _started(machine: Machine, hour: int, *, running: bool) -> int:
    if not running:
        hour = _since(machine, hour, running=False) - HOUR_SECONDS
    return _since(machine, hour, running=True)


def _since(machine: Machine, hour: int, *, running: bool) -> int:
    """The hour from which the machine has been running, or stopped, at ``hour`` without a break."""
    known = (machine.launched, machine.stopped, machine.resized)
    earliest = max((time for time in known if time is not None and time <= hour), default=hour)
    if machine.kind is not Kind.STOPPED_AT_NIGHT:
        if not running and machine.resized is not None and hour < machine.resized:
            return machine.resized - HOUR_SECONDS
        return earliest
    while hour - HOUR_SECONDS >= machine.launched and (
        runs(machine, hour - HOUR_SECONDS) is running
    ):
        hour -= HOUR_SECONDS
    return hour
