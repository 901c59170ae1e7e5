"""Rows into Postgres: set-based, in one short transaction per batch, and only where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

from ingest_fn.pipeline.model import Change, Rows, Written
from ingest_fn.postgres.arrays import Packed, float4s, float8s, int4s, timestamps
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.session import Session
from ingest_fn.postgres.statements import for_columns, statement

_PACK: dict[str, Callable[[Sequence[float]], Packed]] = {
    "real": float4s,
    "double precision": float8s,
    "integer": float8s,
}
"""How a column travels, by its SQL type. Integers go as double precision, which has NaN."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresMetrics:
    """The ``ingest.MetricSink`` over Postgres 15 or later. Safe to use from several threads.

    ``region`` and ``account_id`` (None: the function's own account) are those of new instances.
    ``keys`` are the database's keys of instances as far as they are known already. Rows before
    ``recent_from`` count as healed.
    """

    def __init__(
        self,
        connections: Connections,
        region: str,
        account_id: str | None = None,
        *,
        keys: Mapping[str, int] | None = None,
        recent_from: datetime = LONG_AGO,
    ) -> None:
        self._connections = connections
        self._region = region
        self._account_id = account_id
        self._keys = keys or {}
        self._recent_from = recent_from

    def write(self, rows: Rows) -> Written:
        """Store one batch in one transaction. Raises StoreError, StoreUnreachableError."""
        return self._connections.do(lambda connection: self._write(connection, rows), counted=True)

    def preview(self, rows: Rows) -> Written:
        """What ``write`` would do, writing nothing. Raises as it does."""
        return self._connections.do(lambda connection: self._preview(connection, rows))

    def _write(self, connection: Session, rows: Rows) -> Written:
        keys = self._known(connection, rows.instance_ids)
        if len(keys) == len(rows.instance_ids):
            written = self._changes(connection, "write_metrics", rows, keys)
            self._place(connection, [keys[id_] for id_ in written.changes])
            return written
        created = self._create(connection, [i for i in rows.instance_ids if i not in keys])
        keys |= created
        if len(keys) < len(rows.instance_ids):  # an overlapping run created them meanwhile
            keys = self._known(connection, rows.instance_ids)
        return self._changes(connection, "write_metrics", rows, keys, frozenset(created))

    def _create(self, connection: Session, instance_ids: list[str]) -> dict[str, int]:
        parameters = {
            "instance_ids": instance_ids,
            "region": self._region,
            "account_id": self._account_id,
        }
        created = connection.execute(statement("new_instances"), parameters).fetchall()
        if created:
            connection.xact_id = created[0][2]
        return {instance_id: key for instance_id, key, _ in created}

    def _place(self, connection: Session, keys: list[int]) -> None:
        """A run in the wrong Region made the row first; the Region that has the data is right."""
        if keys:
            parameters = {"keys": keys, "region": self._region}
            connection.execute(statement("place_instances"), parameters)

    def _preview(self, connection: Session, rows: Rows) -> Written:
        keys = self._known(connection, rows.instance_ids)
        new = [instance_id for instance_id in rows.instance_ids if instance_id not in keys]
        # A key that no row has: every hour of an unknown instance would be inserted.
        keys |= {instance_id: -1 - number for number, instance_id in enumerate(new)}
        return self._changes(connection, "preview_metrics", rows, keys, frozenset(new))

    def _known(self, connection: Session, instance_ids: Iterable[str]) -> dict[str, int]:
        keys = {id_: self._keys[id_] for id_ in instance_ids if id_ in self._keys}
        missing = [id_ for id_ in instance_ids if id_ not in keys]
        if missing:
            found = connection.execute(statement("known_instances"), {"instance_ids": missing})
            keys |= dict(found.fetchall())
        return keys

    def _changes(
        self,
        connection: Session,
        name: str,
        rows: Rows,
        keys: Mapping[str, int],
        created: frozenset[str] = frozenset(),
    ) -> Written:
        if not len(rows):
            return Written(created, {})
        instance_keys = [keys[instance_id] for instance_id in rows.instance_ids]
        parameters: dict[str, Any] = {
            "hour": timestamps(rows.hour),
            "instance": int4s([*chain.from_iterable(map(repeat, instance_keys, rows.counts))]),
            "hours": timestamps(sorted(set(rows.hour))),
            "instances": int4s(sorted(instance_keys)),
            "recent_from": self._recent_from,
        }
        for entry, values in zip(rows.statistics, rows.values, strict=True):
            parameters[entry.column] = _PACK[entry.sql_type](values)
        id_of = {key: instance_id for instance_id, key in keys.items()}
        answer = connection.execute(for_columns(name, rows.statistics), parameters)
        changes = {}
        for key, inserted, updated, healed, xid in answer:
            changes[id_of[key]] = Change(inserted, updated, healed)
            connection.xact_id = xid
        return Written(created, changes)
