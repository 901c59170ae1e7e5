"""What EC2 says of machines and types, kept in Postgres: as it is now, and as it has been."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Json

from ingest_fn.pipeline.history import TERMINATED, Period, gone, new_periods
from ingest_fn.pipeline.machine import GONE, Machine, MachineType
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.statements import statement

_COLUMNS = (
    "name",
    "instance_type",
    "state",
    "launched_at",
    "availability_zone",
    "platform",
    "lifecycle",
    "architecture",
    "tags",
)
"""Columns of ``instances`` that hold what EC2 says; fields of ``Machine`` have the same names."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a look changed: rows made, rows changed, periods begun, ids found terminated."""

    created: int = 0
    changed: int = 0
    periods: int = 0
    terminated: tuple[str, ...] = ()


class PostgresMetadata:
    """Machines and types in Postgres 15 or later. A look that finds nothing new writes nothing.

    ``region`` and ``account_id`` (None: the function's own account) are where EC2 was asked.
    """

    def __init__(
        self, connections: Connections, region: str, account_id: str | None = None
    ) -> None:
        self._connections = connections
        self._place = {"region": region, "account_id": account_id}

    def note(
        self,
        machines: Mapping[str, Machine],
        seen_at: datetime,
        shown: Collection[str] | None = None,
    ) -> Noted:
        """Keep what EC2 said of ``machines`` at ``seen_at`` (aware).

        ``shown`` are the ids of all machines of the account and Region, where EC2 was asked for
        all of them: known ones that are missing there are terminated. Raises StoreError,
        StoreUnreachableError.
        """
        return self._connections.do(
            lambda connection: self._note(connection, machines, seen_at.timestamp(), shown)
        )

    def types_are_stale(self, types: Iterable[str], now: datetime) -> bool:
        """Whether to ask EC2 for its types: one of ``types`` is unknown, or all are a month old.

        False for a day after EC2 was asked, so that a type that it does not know is not asked for
        in every run. Raises as ``note``.
        """
        parameters = {"types": sorted(set(types)), "now": now}

        def stale(connection: psycopg.Connection) -> bool:
            row = connection.execute(statement("stale_types"), parameters).fetchone()
            return bool(row and row[0])

        return self._connections.do(stale)

    def keep_types(self, types: Sequence[MachineType], now: datetime) -> None:
        """Keep what EC2 says of its types. Raises as ``note``."""
        parameters = {"types": Json([asdict(one) for one in types]), "now": now}
        self._connections.do(
            lambda connection: connection.execute(statement("keep_types"), parameters)
        )

    def types(self, names: Collection[str]) -> dict[str, MachineType]:
        """What is known of the types with these names. Raises as ``note``."""

        def types(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(statement("types"), {"types": sorted(names)}).fetchall()

        return {row[0]: MachineType(*row) for row in self._connections.do(types)}

    def types_of(self, instance_ids: Collection[str]) -> dict[str, MachineType]:
        """The types of these instances, as far as both are known. Raises as ``note``."""
        parameters = {"instance_ids": list(instance_ids)}

        def types(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(statement("types_of"), parameters).fetchall()

        kinds: dict[str, MachineType] = {}
        return {
            row[0]: kinds.setdefault(row[1], MachineType(*row[1:]))
            for row in self._connections.do(types)
        }

    def _note(
        self,
        connection: psycopg.Connection,
        machines: Mapping[str, Machine],
        seen_at: float,
        shown: Collection[str] | None,
    ) -> Noted:
        with connection.transaction():
            known = self._known(connection, machines, whole=shown is not None)
            machines = {id_: _settled(one, known.get(id_)) for id_, one in machines.items()}
            missing = {
                id_: row
                for id_, row in known.items()
                if shown is not None and id_ not in machines and id_ not in shown
            }
            new = [_values(one) for id_, one in machines.items() if id_ not in known]
            changed = [
                values
                for id_, one in machines.items()
                if id_ in known and (values := self._changed(one, known[id_])) is not None
            ] + [_terminated(row) for row in missing.values()]
            keys = {id_: row["id"] for id_, row in known.items()} | self._make(connection, new)
            if changed:
                self._run(connection, "changed_machines", changed)
            periods = {
                id_: new_periods(_last(known.get(id_)), one, seen_at)
                for id_, one in machines.items()
            } | {id_: gone(_last(row), seen_at) for id_, row in missing.items()}
            count = _keep(connection, {keys[id_]: added for id_, added in periods.items()})
        return Noted(len(new), len(changed), count, tuple(sorted(missing)))

    def _known(
        self, connection: psycopg.Connection, instance_ids: Iterable[str], *, whole: bool
    ) -> dict[str, dict[str, Any]]:
        parameters = {**self._place, "instance_ids": list(instance_ids), "whole": whole}
        with connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(statement("known_machines"), parameters)
            return {row["instance_id"]: row for row in found}

    def _make(self, connection: psycopg.Connection, new: list[dict[str, Any]]) -> dict[str, int]:
        return dict(self._run(connection, "new_machines", new).fetchall()) if new else {}

    def _run(
        self, connection: psycopg.Connection, name: str, machines: list[dict[str, Any]]
    ) -> psycopg.Cursor[Any]:
        return connection.execute(statement(name), {**self._place, "machines": Json(machines)})

    def _changed(self, machine: Machine, known: Mapping[str, Any]) -> dict[str, Any] | None:
        """The row's new values; None where they are what it has."""
        values = _values(machine)
        if known["launched_at"] is not None:
            values["launched_at"] = min(values["launched_at"], known["launched_at"])
        elsewhere = any(known[key] != value for key, value in self._place.items())
        if not elsewhere and all(known[column] == values[column] for column in _COLUMNS):
            return None
        return values | {"id": known["id"]}


def _values(machine: Machine) -> dict[str, Any]:
    return {
        "instance_id": machine.instance_id,
        **{column: getattr(machine, column) for column in _COLUMNS},
    }


def _settled(machine: Machine, known: Mapping[str, Any] | None) -> Machine:
    """A machine that goes loses its tags before it goes; the last ones seen are kept."""
    if known is None or machine.state not in GONE or machine.tags or not known["tags"]:
        return machine
    return machine._replace(name=known["name"], tags=known["tags"])


def _last(known: Mapping[str, Any] | None) -> Period | None:
    if known is None or known["last_state"] is None:
        return None
    return Period(known["valid_from"], known["last_state"], known["last_type"], known["last_name"])


def _terminated(known: Mapping[str, Any]) -> dict[str, Any]:
    return {column: known[column] for column in ("id", *_COLUMNS)} | {"state": TERMINATED}


def _keep(connection: psycopg.Connection, periods: Mapping[int, Sequence[Period]]) -> int:
    """Store what follows in each machine's history, by its key; how many periods that are."""
    rows = [
        {"instance_id": key, **asdict(period), "valid_to": after.valid_from if after else None}
        for key, added in periods.items()
        if added
        for period, after in zip(added, [*added[1:], None], strict=True)
    ]
    if rows:
        ended = [
            {"instance_id": key, "valid_to": added[0].valid_from}
            for key, added in periods.items()
            if added
        ]
        connection.execute(statement("end_periods"), {"ended": Json(ended)})
        connection.execute(statement("new_periods"), {"periods": Json(rows)})
    return len(rows)
