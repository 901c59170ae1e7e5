"""Rows into Postgres: set-based, in one short transaction a batch, and only where they differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from itertools import chain, repeat
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Json

from ingest_fn.pipeline.model import STATISTICS, Change, Rows, Written
from ingest_fn.pipeline.result import RunResult
from ingest_fn.postgres.arrays import float4s, float8s, int4s, timestamps
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.errors import translated, worth_repeating

Done = TypeVar("Done")

MAX_REPEATS = 8
"""A connection may break, and each overlapping run may store one of a batch's rows first."""

_PACK = {"network_in": float8s, "network_out": float8s}


class PostgresStore:
    """The ``ingest.Store`` over Postgres 15 or later. Safe to use from several threads."""

    def __init__(
        self,
        connections: Connections,
        region: str,
        retention_months: int | None = None,
        account_id: str | None = None,
    ) -> None:
        self._connections = connections
        self._region = region
        self._account_id = account_id
        self._retention_months = retention_months

    def begin(self, result: RunResult) -> None:
        """Open the run's line in the ledger. Raises StoreUnreachableError, SchemaError."""
        run = result.run
        parameters = {
            "run_id": run.run_id,
            "trigger": run.trigger,
            "window_start": run.window.start,
            "window_end": run.window.end,
            "region": run.region,
            "api": run.api.value,
            "requested": run.requested,
            "account_id": run.account_id,
            "parent_run_id": run.part.run_id if run.part else None,
            "part": run.part.number if run.part else None,
            "retention_months": self._retention_months,
        }

        def begin(connection: psycopg.Connection) -> None:
            connection.execute(_sql("ensure_partitions"), parameters)
            if self._retention_months is not None:
                connection.execute(_sql("drop_partitions"), parameters)
            connection.execute(_sql("begin_run"), parameters)

        self._do(begin)

    def write(self, rows: Rows) -> Written:
        """Store one batch in one transaction. Raises StoreError, StoreUnreachableError."""
        return self._do(lambda connection: self._write(connection, rows))

    def preview(self, rows: Rows) -> Written:
        """What ``write`` would do, writing nothing. Raises as it does."""
        return self._do(lambda connection: self._preview(connection, rows))

    def finish(self, result: RunResult) -> float | None:
        """Close the run's line; the seconds since the newest stored hour ended, None if none is."""
        shape = result.as_dict()
        parameters = {
            "run_id": result.run.run_id,
            "status": result.status,
            **shape["instances"],
            **shape["rows"],
            **shape["cloudwatch"],
            "failures": Json(shape["failures"]),
            "error": result.error,
        }
        row = self._do(
            lambda connection: connection.execute(_sql("finish_run"), parameters).fetchone()
        )
        return row[0] if row else None

    def parts(self, run_id: str) -> dict[int, dict[str, Any]]:
        """What the ledger says of each part of the fan-out ``run_id``: its last attempt's counts.

        What attempts add to (rows written, calls, dollars) is summed over all of a part's.
        """

        def parts(connection: psycopg.Connection) -> list[dict[str, Any]]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(_sql("parts"), {"run_id": run_id}).fetchall()

        return {row["part"]: row for row in self._do(parts)}

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _do(self, work: Callable[[psycopg.Connection], Done]) -> Done:
        """``work`` on a connection; again where that helps, since every write can be repeated."""
        with translated():
            for _ in range(MAX_REPEATS):
                try:
                    with self._connections.connection() as connection:
                        return work(connection)
                except psycopg.Error as error:
                    if not worth_repeating(error):
                        raise
            with self._connections.connection() as connection:
                return work(connection)

    def _write(self, connection: psycopg.Connection, rows: Rows) -> Written:
        keys = _known(connection, rows.instance_ids)
        if len(keys) == len(rows.instance_ids):
            # One statement is a transaction of its own: two round trips fewer, hour after hour.
            return _changes(connection, "write", rows, keys)
        with connection.transaction():
            created = self._create(connection, [i for i in rows.instance_ids if i not in keys])
            keys |= created
            if len(keys) < len(rows.instance_ids):  # an overlapping run created them meanwhile
                keys = _known(connection, rows.instance_ids)
            return _changes(connection, "write", rows, keys, frozenset(created))

    def _create(self, connection: psycopg.Connection, instance_ids: list[str]) -> dict[str, int]:
        parameters = {
            "instance_ids": instance_ids,
            "region": self._region,
            "account_id": self._account_id,
        }
        return dict(connection.execute(_sql("new_instances"), parameters).fetchall())

    def _preview(self, connection: psycopg.Connection, rows: Rows) -> Written:
        keys = _known(connection, rows.instance_ids)
        new = [instance_id for instance_id in rows.instance_ids if instance_id not in keys]
        # A key that no row has: every hour of an unknown instance would be inserted.
        keys |= {instance_id: -1 - k for k, instance_id in enumerate(new)}
        return _changes(connection, "preview", rows, keys, frozenset(new))


def _known(connection: psycopg.Connection, instance_ids: Any) -> dict[str, int]:
    parameters = {"instance_ids": list(instance_ids)}
    return dict(connection.execute(_sql("known_instances"), parameters).fetchall())


def _changes(
    connection: psycopg.Connection,
    statement: str,
    rows: Rows,
    keys: dict[str, int],
    created: frozenset[str] = frozenset(),
) -> Written:
    if not len(rows):
        return Written(created, {})
    each = [keys[instance_id] for instance_id in rows.instance_ids]
    parameters: dict[str, Any] = {
        "hour": timestamps(rows.hour),
        "instance": int4s([*chain.from_iterable(map(repeat, each, rows.counts))]),
        "hours": timestamps(sorted(set(rows.hour))),
        "instances": int4s(sorted(each)),
    }
    for statistic, values in zip(STATISTICS, rows.values, strict=True):
        parameters[statistic.column] = _PACK.get(statistic.column, float4s)(values)
    query = _sql("changed") + _sql(statement)
    id_of = {key: instance_id for instance_id, key in keys.items()}
    return Written(
        created,
        {
            id_of[key]: Change(inserted, updated)
            for key, inserted, updated in connection.execute(query, parameters)
        },
    )


@cache
def _sql(name: str) -> bytes:
    return (files("ingest_fn.postgres") / "sql" / f"{name}.sql").read_bytes()
