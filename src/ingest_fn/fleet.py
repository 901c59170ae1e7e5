"""What a run knows of its machines, beyond their ids: types, agents, history, and so what to read.

Before the run, ``Fleet.wanted`` says what each instance is to be asked for; after it, ``settle``
keeps what EC2 and the agents have shown. A refusal by AWS costs no run: it becomes a warning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from ingest_fn.errors import AccessDeniedError, AwsError
from ingest_fn.pipeline.agent import Learnt, memory_series
from ingest_fn.pipeline.catalogue import MEMORY
from ingest_fn.pipeline.machine import Machine, MachineType
from ingest_fn.pipeline.model import Batch, Cost, Fetched
from ingest_fn.pipeline.ports import MetricReader
from ingest_fn.pipeline.statistic import Need
from ingest_fn.pipeline.wanted import Wanted, wanted_of
from ingest_fn.postgres.agents import PostgresAgents
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.metadata import PostgresMetadata

if TYPE_CHECKING:
    from ingest_fn.aws.clients import Clients
    from ingest_fn.discovery.resolve import Resolved

LONG_ENOUGH = timedelta(hours=24)
"""A window without memory in which an agent counts as silent."""


@dataclass(slots=True)
class Fleet:
    """The machines of one run, in the account and Region of ``clients``.

    ``groups`` are those of METRICS. Agents are looked for where EC2 was asked as well, or where
    ``groups`` holds memory: a run that names ids only asks nothing that it was not told to.
    """

    connections: Connections
    clients: Clients
    region: str
    account_id: str | None
    resolved: Resolved
    groups: frozenset[str]
    now: datetime
    time_left: Callable[[], float] = lambda: math.inf
    warnings: list[str] = field(default_factory=list)
    _types: list[MachineType] = field(default_factory=list)
    _learnt: dict[str, Learnt] = field(default_factory=dict)
    _heard: Heard | None = None

    def wanted(self) -> Wanted:
        """What to read of each instance. Raises StoreError, StoreUnreachableError."""
        ids = self.resolved.instance_ids
        if not ids and self.resolved.described is None:
            return Wanted()
        if not ids and not self.resolved.described and self.resolved.searched:
            self.warnings.append(f"Nothing matched: {self.resolved.searched}.")
            return Wanted()
        return wanted_of(ids, self.groups, self._types_of(ids), self._agents_of(ids))

    def listening(self, reader: MetricReader) -> MetricReader:
        """``reader``, whose answers tell which agents are silent."""
        self._heard = Heard(reader)
        return self._heard

    def settle(self) -> None:
        """Keep what was seen. Raises StoreError, StoreUnreachableError."""
        metadata = self._metadata()
        if self.resolved.described is not None:
            metadata.note(self.resolved.described, self.now, self.resolved.shown)
        if self._types:
            metadata.keep_types(self._types, self.now)
        agents = self._agents()
        if self._learnt:
            agents.keep(self._learnt, self.now)
        if self._heard is not None and (self._heard.answered or self._heard.silent):
            agents.heard(self._heard.answered, self._heard.silent, self.now)

    def _types_of(self, ids: Collection[str]) -> dict[str, MachineType]:
        described = self.resolved.described
        metadata = self._metadata()
        if described is None:
            return metadata.types_of(ids) if self.groups - {MEMORY} else {}
        names = {machine.instance_type for machine in described.values()}
        if metadata.types_are_stale(names, self.now):
            from ingest_fn.discovery.types import describe_types

            try:
                self._types = describe_types(self.clients, time_left=self.time_left)
            except (AccessDeniedError, AwsError) as error:
                self.warnings.append(f"Instance types are not up to date. {error}")
        if not self.groups - {MEMORY}:
            return {}
        known = metadata.types(names) | {one.instance_type: one for one in self._types}
        return {
            instance_id: known[described[instance_id].instance_type]
            for instance_id in ids
            if instance_id in described and described[instance_id].instance_type in known
        }

    def _agents_of(self, ids: Collection[str]) -> dict[str, Learnt]:
        if self.resolved.described is None and MEMORY not in self.groups:
            return {}
        agents = self._agents()
        known = agents.known(ids)
        if agents.look_is_due(ids, known, self.now):
            from ingest_fn.discovery.agent import published_memory

            described = self.resolved.described or {}
            machines = {id_: described.get(id_) or Machine.undescribed(id_) for id_ in ids}
            client = self.clients.make("cloudwatch")
            try:
                published = list(published_memory(client, time_left=self.time_left))
            except (AccessDeniedError, AwsError) as error:
                self.warnings.append(f"Nothing new is known of memory. {error}")
                return known
            self._learnt = memory_series(machines, published)
            return self._learnt
        return known

    def _metadata(self) -> PostgresMetadata:
        return PostgresMetadata(self.connections, self.region, self.account_id)

    def _agents(self) -> PostgresAgents:
        return PostgresAgents(self.connections, self.region, self.account_id)


def known_wants(
    connections: Connections,
    instance_ids: Collection[str],
    groups: frozenset[str],
    region: str,
    account_id: str | None = None,
) -> Wanted:
    """What to read of instances by what the database knows already: AWS is asked nothing.

    Raises StoreError, StoreUnreachableError.
    """
    types = {}
    if groups - {MEMORY}:
        types = PostgresMetadata(connections, region, account_id).types_of(instance_ids)
    learnt = PostgresAgents(connections, region, account_id).known(instance_ids)
    return wanted_of(instance_ids, groups, types, learnt)


class Heard:
    """A reader that notes whose agent had memory. Safe to use from threads."""

    def __init__(self, reader: MetricReader) -> None:
        self._reader = reader
        self._lock = Lock()
        self.answered: set[str] = set()
        self.silent: set[str] = set()

    @property
    def spent(self) -> Cost:
        """As the reader says."""
        return self._reader.spent

    def fetch(self, batch: Batch) -> Fetched:
        """As the reader does."""
        fetched = self._reader.fetch(batch)
        places = [k for k, entry in enumerate(batch.statistics) if entry.needs is Need.AGENT]
        if places:
            long_enough = batch.window.end - batch.window.start >= LONG_ENOUGH
            with self._lock:
                for reading in fetched.readings:
                    if any(reading.series[place] for place in places):
                        self.answered.add(reading.instance_id)
                    elif long_enough and reading.unread is None and reading.datapoints:
                        self.silent.add(reading.instance_id)
        return fetched
