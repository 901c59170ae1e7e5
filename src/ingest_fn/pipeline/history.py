"""What has changed about a machine since the last look, and from when. Pure.

The history of a machine is a row of periods that touch. A look adds to it: the start and the stop
that EC2 gives times for, and what else is different now. Times are epoch seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ingest_fn.pipeline.machine import GONE, Machine

TERMINATED = "terminated"

_SETTLED = {"pending": "running", "stopping": "stopped", "shutting-down": TERMINATED}
"""States that last for a moment: EC2's time of the start or the stop counts for what follows."""


@dataclass(frozen=True, slots=True)
class Period:
    """From ``valid_from`` on, and up to the next period, this was so.

    ``instance_type`` None: it cannot be known, since the type may have changed meanwhile.
    """

    valid_from: float
    state: str
    instance_type: str | None
    name: str | None


def new_periods(last: Period | None, machine: Machine, seen_at: float) -> list[Period]:
    """What follows ``last`` (None: nothing is known yet), as ``machine`` shows it at ``seen_at``.

    The first of the periods ends the last one. Nothing has changed where there are none. A machine
    may have been started and stopped again since the last look: then both are periods.
    """
    since = -math.inf if last is None else last.valid_from
    state = _SETTLED.get(machine.state, machine.state)
    found: list[Period] = []
    if since < machine.started_at and (state == "running" or _ended(machine)):
        found.append(_run(last, machine, state))
    before = found[-1] if found else last
    now = (state, machine.instance_type, machine.name)
    if before is None or now != (before.state, before.instance_type, before.name):
        since = -math.inf if before is None else before.valid_from
        stopped = state != "running" and (before is None or before.state != state)
        told = machine.state_since if stopped else None
        valid_from = told if told is not None and told > since else seen_at
        if valid_from > since:
            found.append(Period(valid_from, *now))
    return found


def gone(last: Period | None, seen_at: float) -> list[Period]:
    """The period that begins where EC2 no longer shows a machine."""
    if last is None:
        return [Period(seen_at, TERMINATED, None, None)]
    if last.state == TERMINATED or seen_at <= last.valid_from:
        return []
    return [Period(seen_at, TERMINATED, last.instance_type, last.name)]


def _ended(machine: Machine) -> bool:
    """Whether EC2 says when the machine's last run ended."""
    return machine.state_since is not None and machine.started_at < machine.state_since


def _run(last: Period | None, machine: Machine, state: str) -> Period:
    """The machine's last run. Where that is over, the type may have been changed after it.

    At first sight the present type is taken: nothing speaks for another one.
    """
    same = last is None or last.instance_type == machine.instance_type
    known = state == "running" or state in GONE or same
    return Period(
        machine.started_at, "running", machine.instance_type if known else None, machine.name
    )
