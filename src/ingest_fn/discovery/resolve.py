"""A selection becomes instance ids: named ones as they are, the others as EC2 shows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ingest_fn.aws.clients import Clients
from ingest_fn.discovery.described import register
from ingest_fn.discovery.pages import pages
from ingest_fn.discovery.parameters import read_selection
from ingest_fn.errors import AwsError
from ingest_fn.pipeline.machine import GONE, Machine
from ingest_fn.pipeline.model import HOUR_SECONDS, Window
from ingest_fn.request.selection import Selection, Tags
from ingest_fn.request.target import Target

ACTION = "ec2:DescribeInstances"
PAGE = 1_000
"""The most that DescribeInstances returns at once (its API reference)."""

JUST_LAUNCHED = HOUR_SECONDS
"""Seconds after its launch for which an instance is asked for whatever the window is."""

Filters = tuple[tuple[str, tuple[str, ...]], ...]
Machines = dict[str, Machine]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The instances of a selection, sorted by id.

    ``instance_ids`` are to be asked for. ``not_due_ids`` are chosen too, but CloudWatch has
    nothing of them in the window: they were stopped in all of it, or launched after it.
    ``described`` are the chosen instances that EC2 shows; None: it was not asked. ``shown`` are all
    ids of the account and Region, where EC2 was asked for all of them: what is missing there is
    terminated. ``searched`` says in words where instances were looked for.
    """

    instance_ids: tuple[str, ...]
    not_due_ids: tuple[str, ...] = ()
    described: Mapping[str, Machine] | None = None
    shown: frozenset[str] | None = None
    searched: str = ""

    @property
    def not_due(self) -> int:
        """How many chosen instances are not asked for."""
        return len(self.not_due_ids)

    def revised(
        self,
        read_until: Mapping[str, int | None],
        owing: Collection[str] = (),
        healed_from: int = 0,
    ) -> Resolved:
        """The same, by what has been read of each so far (epoch seconds; None: nothing).

        Machines that were terminated, and have been read up to that, are not due any more.
        Stopped ones are, if they owe hours or were not read up to the stop: no run may have come
        between the two. Runs heal no hour before ``healed_from`` (epoch seconds).
        """
        due, not_due = set(self.instance_ids), set(self.not_due_ids)
        for instance_id, machine in (self.described or {}).items():
            read, ended = read_until.get(instance_id), machine.state_since
            if read is None or ended is None or machine.state not in (*GONE, "stopped"):
                continue
            whole = ended <= max(read, healed_from) and instance_id not in owing
            if whole and machine.state in GONE:
                due.discard(instance_id)
                not_due.add(instance_id)
            elif not whole and instance_id in not_due:
                not_due.discard(instance_id)
                due.add(instance_id)
        return replace(self, instance_ids=tuple(sorted(due)), not_due_ids=tuple(sorted(not_due)))


def resolve(
    selection: Selection,
    clients: Clients,
    window: Window,
    *,
    now: datetime,
    time_left: Callable[[], float] = lambda: math.inf,
) -> Resolved:
    """The instances that ``selection`` means in the account and Region of ``clients``.

    EC2 is asked only where an item needs it: one question for all instances, or one per item of
    tags, and one per excluded item of tags. Raises AccessDeniedError and AwsError.
    """
    include, exclude = selection.include, selection.exclude
    if not selection.asks_ec2:
        return Resolved(tuple(sorted(set(include.ids) - set(exclude.ids))))
    if exclude.everything:
        return Resolved((), searched=_searched(selection))
    ec2 = _Ec2(clients.make("ec2"), time_left)
    if selection.everything:
        described = ec2.machines()
        shown = frozenset(described)
    else:
        described, shown = {}, None
        for tags in include.tags:
            described |= ec2.machines(filters_of(tags))
    excluded = set(exclude.ids)
    for tags in exclude.tags:
        excluded |= ec2.machines(filters_of(tags)).keys()
    chosen = {key: one for key, one in described.items() if key not in excluded}
    named = set(include.ids) - excluded
    due, not_due = _due(chosen, named, window, now)
    return Resolved(due, not_due, chosen, shown, _searched(selection))


def resolve_filters(
    filters: Filters,
    clients: Clients,
    window: Window,
    *,
    now: datetime,
    time_left: Callable[[], float] = lambda: math.inf,
) -> Resolved:
    """The same for the filters of DescribeInstances that a target's ``selector`` holds."""
    chosen = _Ec2(clients.make("ec2"), time_left).machines(filters)
    due, not_due = _due(chosen, set(), window, now)
    said = ", ".join(f"{name} {' or '.join(values)}" for name, values in filters)
    return Resolved(due, not_due, chosen, None, f"instances with {said}")


def resolve_target(
    target: Target,
    clients: Clients,
    window: Window,
    *,
    now: datetime,
    time_left: Callable[[], float] = lambda: math.inf,
) -> Resolved:
    """The instances of the target's slice.

    Raises AccessDeniedError, ConfigurationError for a missing or malformed parameter, and
    AwsError where AWS does not answer.
    """
    given: dict[str, Any] = {"now": now, "time_left": time_left}
    if target.selector:
        found = resolve_filters(target.selector, clients, window, **given)
    else:
        selection = target.selection
        if selection is None:
            ssm = clients.make("ssm")
            selection = read_selection(ssm, target.parameter or "", time_left=time_left)
        found = resolve(selection, clients, window, **given)
    of = target.slice.of
    described = found.described
    whole = target.slice.start is None and target.slice.before is None
    return Resolved(
        of(found.instance_ids),
        of(found.not_due_ids),
        None if described is None else {key: described[key] for key in of(described)},
        found.shown if whole else None,
        found.searched,
    )


def filters_of(tags: Tags) -> Filters:
    """The filters of DescribeInstances for instances that have all of ``tags``."""
    return tuple(
        ("tag-key", (_literal(tag.key),)) if tag.value is None else (f"tag:{tag.key}", (tag.value,))
        for tag in tags
    )


def _literal(text: str) -> str:
    """``text`` with EC2's wildcards escaped: they count in the value of a tag, not in its key."""
    return "".join(f"\\{c}" if c in "*?\\" else c for c in text)


class _Ec2:
    """EC2 of one account and Region, for one run."""

    def __init__(self, client: Any, time_left: Callable[[], float]) -> None:
        register(client)
        self._client, self._time_left = client, time_left

    def machines(self, filters: Filters = ()) -> Machines:
        """Every instance that EC2 shows and ``filters`` let through, sorted by id."""
        found = {one.instance_id: one for page in self._pages(filters) for one in page}
        return dict(sorted(found.items()))

    def _pages(self, filters: Filters) -> Iterator[list[Machine]]:
        request: dict[str, Any] = {"PaginationConfig": {"PageSize": PAGE}}
        if filters:
            request["Filters"] = [{"Name": name, "Values": [*values]} for name, values in filters]
        for page in pages(self._client, "describe_instances", ACTION, self._time_left, **request):
            if "Machines" not in page:
                raise AwsError(f"{ACTION} failed: the answer is not one of EC2's.")
            yield page["Machines"]


def _due(
    chosen: Machines,
    named: set[str],
    window: Window,
    now: datetime,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ids to ask for, with those of ``named`` that EC2 was not asked about, and the others."""
    start, end, latest = (int(time.timestamp()) for time in (window.start, window.end, now))
    not_due = tuple(
        one.instance_id
        for one in chosen.values()
        if one.stopped_since(start) or end <= one.launched_at < latest - JUST_LAUNCHED
    )
    return tuple(sorted((chosen.keys() | named) - set(not_due))), not_due


def _searched(selection: Selection) -> str:
    include, exclude = selection.include.items, selection.exclude.items
    said = "all instances" if selection.everything else f"instances of {', '.join(include)}"
    return f"{said} without {', '.join(exclude)}" if exclude else said
