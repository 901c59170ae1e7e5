"""Rows into Postgres: set-based, in one short transaction per batch, and only where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from typing import Any

import psycopg

from ingest_fn.pipeline.model import Change, Rows, Written
from ingest_fn.postgres.arrays import Packed, float4s, float8s, int4s, timestamps
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.statements import for_columns, statement

_PACK: dict[str, Callable[[Sequence[float]], Packed]] = {
    "real": float4s,
    "double precision": float8s,
    "integer": float8s,
}
"""How a column travels, by its SQL type. Integers go as double precision, which has NaN."""


class PostgresMetrics:
    """The ``ingest.MetricSink`` over Postgres 15 or later. Safe to use from several threads.

    ``region`` and ``account_id`` (None: the function's own account) are those of new instances.
    """

    def __init__(
        self, connections: Connections, region: str, account_id: str | None = None
    ) -> None:
        self._connections = connections
        self._region = region
        self._account_id = account_id

    def write(self, rows: Rows) -> Written:
        """Store one batch in one transaction. Raises StoreError, StoreUnreachableError."""
        return self._connections.do(lambda connection: self._write(connection, rows), counted=True)

    def preview(self, rows: Rows) -> Written:
        """What ``write`` would do, writing nothing. Raises as it does."""
        return self._connections.do(lambda connection: _preview(connection, rows))

    def _write(self, connection: psycopg.Connection, rows: Rows) -> Written:
        keys = _known(connection, rows.instance_ids)
        if len(keys) == len(rows.instance_ids):
            # One statement is a transaction of its own: two round trips fewer, hour after hour.
            return _changes(connection, "write_metrics", rows, keys)
        with connection.transaction():
            created = self._create(connection, [i for i in rows.instance_ids if i not in keys])
            keys |= created
            if len(keys) < len(rows.instance_ids):  # an overlapping run created them meanwhile
                keys = _known(connection, rows.instance_ids)
            return _changes(connection, "write_metrics", rows, keys, frozenset(created))

    def _create(self, connection: psycopg.Connection, instance_ids: list[str]) -> dict[str, int]:
        parameters = {
            "instance_ids": instance_ids,
            "region": self._region,
            "account_id": self._account_id,
        }
        return dict(connection.execute(statement("new_instances"), parameters).fetchall())


def _preview(connection: psycopg.Connection, rows: Rows) -> Written:
    keys = _known(connection, rows.instance_ids)
    new = [instance_id for instance_id in rows.instance_ids if instance_id not in keys]
    # A key that no row has: every hour of an unknown instance would be inserted.
    keys |= {instance_id: -1 - number for number, instance_id in enumerate(new)}
    return _changes(connection, "preview_metrics", rows, keys, frozenset(new))


def _known(connection: psycopg.Connection, instance_ids: Iterable[str]) -> dict[str, int]:
    parameters = {"instance_ids": list(instance_ids)}
    return dict(connection.execute(statement("known_instances"), parameters).fetchall())


def _changes(
    connection: psycopg.Connection,
    name: str,
    rows: Rows,
    keys: dict[str, int],
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
    }
    for entry, values in zip(rows.statistics, rows.values, strict=True):
        parameters[entry.column] = _PACK[entry.sql_type](values)
    id_of = {key: instance_id for instance_id, key in keys.items()}
    answer = connection.execute(for_columns(name, rows.statistics), parameters)
    return Written(
        created, {id_of[key]: Change(inserted, updated) for key, inserted, updated in answer}
    )
