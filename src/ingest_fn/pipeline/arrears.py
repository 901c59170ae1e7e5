"""Which instances are due, from which hour on each is read, and what that leaves owed.

docs/decisions/0009-owed-hours.md says how the state is kept. Hours are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ingest_fn.pipeline.model import HOUR_SECONDS, Batch, InstanceOutcome, Outcome, Window, utc

SLOTS = 24
"""Places in the cycle of reads. Every allowed freshness divides it."""

FRESHNESS = (1, 2, 3, 4, 6, 8, 12, 24)
"""The hours that an instance may wait for its turn."""

_WHOLE = (Outcome.OK, Outcome.EMPTY)


@dataclass(frozen=True, slots=True)
class ReadState:
    """Up to where one known instance has been read.

    ``slot`` is its place in the cycle. ``member``: it follows the group of this run. ``read_from``
    is the first hour that was ever read and ``read_until`` the end of what was; None: never read.
    ``owes_from`` is the first hour between them that is owed, as far back as runs heal.
    """

    slot: int
    member: bool
    read_from: int | None
    read_until: int | None
    owes_from: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back reads go, in hours: at least, at first sight, and to heal what is owed."""

    lookback: int
    first_lookback: int
    catch_up: int


@dataclass(frozen=True, slots=True)
class Need:
    """Instances to read over the same window."""

    instance_ids: Sequence[str]
    window: Window


@dataclass(frozen=True, slots=True)
class Due:
    """What a run is to read: ``needs``, known instances before new ones, and who may wait.

    ``exceptions`` are the instances whose own row has to change when they have been read whole.
    ``slots`` are those whose members are all read, so that the mark of the group can move.
    """

    needs: Sequence[Need]
    not_due: int = 0
    exceptions: frozenset[str] = frozenset()
    slots: Sequence[int] = ()

    @property
    def requested(self) -> int:
        """How many instances are read."""
        return sum(len(need.instance_ids) for need in self.needs)


def due_by_window(instance_ids: Sequence[str], window: Window) -> Due:
    """All instances over exactly ``window``: what an event with a window of its own asks for."""
    needs = [Need(instance_ids, window)] if instance_ids else []
    return Due(needs, exceptions=frozenset(instance_ids))


def due_now(
    instance_ids: Iterable[str],
    states: Mapping[str, ReadState],
    *,
    end: int,
    freshness: int,
    reach: Reach,
) -> Due:
    """Who is due at the hour ``end``, each from the first hour that it owes.

    An instance is due when it is new, when it owes hours, when its turn comes (once in
    ``freshness`` hours), or when it has waited longer than that because a run was missed.
    """
    starts: dict[str, int] = {}
    new: list[str] = []
    exceptions: set[str] = set()
    waiting: set[int] = set()
    not_due = 0
    turn = end // HOUR_SECONDS
    for instance_id in instance_ids:
        state = states.get(instance_id)
        if state is None or state.read_until is None:
            new.append(instance_id)
            continue
        late = end - state.read_until > freshness * HOUR_SECONDS
        its_turn = (turn - state.slot) % freshness == 0
        if state.owes_from is None and not late and not its_turn:
            not_due += 1
            waiting.add(state.slot)
            continue
        # What it owes, and what has come since it was last read.
        first = min(state.owes_from or end, state.read_until)
        starts[instance_id] = start = _start(first, end, reach)
        # Where the window begins after the mark, the hours between stay owed.
        if not state.member or state.owes_from is not None or start > state.read_until:
            exceptions.add(instance_id)
    exceptions.update(id_ for id_ in starts if states[id_].slot in waiting)
    needs = list(_grouped(starts, end))
    if new:
        needs.append(Need(new, _back(end, max(reach.first_lookback, reach.lookback))))
    slots = [slot for slot in range(SLOTS) if slot not in waiting]
    return Due(needs, not_due, frozenset(exceptions.union(new)), slots)


def _back(end: int, hours: int) -> Window:
    return Window(utc(end - hours * HOUR_SECONDS), utc(end))


def _start(first: int, end: int, reach: Reach) -> int:
    """Where to begin, so that ``first`` is covered: a few different starts, to keep calls full.

    CloudWatch bills the same for more hours, so a start may be earlier than needed.
    """
    hours = reach.lookback
    if first >= end - hours * HOUR_SECONDS:
        return end - hours * HOUR_SECONDS
    while hours < reach.catch_up and end - hours * HOUR_SECONDS > first:
        hours *= 2
    return end - max(reach.lookback, min(hours, reach.catch_up)) * HOUR_SECONDS


def _grouped(starts: Mapping[str, int], end: int) -> Iterator[Need]:
    """One need for each start, the longest first."""
    ordered = sorted(starts, key=lambda instance_id: (starts[instance_id], instance_id))
    for start, ids in groupby(ordered, key=starts.__getitem__):
        yield Need(list(ids), Window(utc(start), utc(end)))


@dataclass(frozen=True, slots=True)
class ReadException:
    """An instance whose own row has to change: what was read of it, and whether it was whole."""

    instance_id: str
    window: Window
    whole: bool
    reason: str | None


@dataclass(slots=True)
class Settlement:
    """What a run leaves behind for the next: exceptions only.

    Whole reads of members whose turn it was are not kept one by one; the group's mark covers them.
    """

    due: Due
    exceptions: list[ReadException] = field(default_factory=list)
    any_whole: bool = False
    lost_hours: int = 0

    def add(self, batch: Batch, outcomes: Iterable[InstanceOutcome]) -> None:
        """Count one batch."""
        for line in outcomes:
            whole = line.outcome in _WHOLE
            self.any_whole = self.any_whole or whole
            self.lost_hours += 0 if whole else batch.window.hour_count
            if not whole or line.instance_id in self.due.exceptions:
                self.exceptions.append(
                    ReadException(line.instance_id, batch.window, whole, line.reason)
                )
