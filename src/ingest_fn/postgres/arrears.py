"""What each instance has been read of, and what is owed, in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from ingest_fn.pipeline.arrears import ReadState, Settlement
from ingest_fn.pipeline.model import Window, utc
from ingest_fn.pipeline.result import RunResult
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.statements import statement

_REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Known:
    """The chosen instances that have a row: the database's key of each, and its state."""

    keys: dict[str, int]
    states: dict[str, ReadState]


class Arrears:
    """The state of the instances that one run chose.

    ``group``: the name of the instances that the same runs choose; None: the run has a window of
    its own and moves no mark. What is owed counts as far back as ``catch_up`` before ``end``.
    """

    def __init__(
        self,
        connections: Connections,
        chosen: Sequence[str],
        *,
        group: str | None,
        end: datetime,
        catch_up: timedelta,
    ) -> None:
        self._connections = connections
        self._members = 0
        self._common: dict[str, Any] = {
            "group": group,
            # Ids are letters, digits and hyphens: psycopg would look at each one by itself.
            "chosen": f"{{{','.join(chosen)}}}",
            "window_end": end,
            "owed_from": end - catch_up,
            "owed_until": end,
        }

    def known(self) -> Known:
        """What is known of the chosen instances. Raises as every read of the database does."""
        rows = self._connections.do(
            lambda connection: connection.execute(
                statement("read_states"), self._common, binary=True
            ).fetchall()
        )
        states = {row[0]: ReadState(*row[2:]) for row in rows}
        self._members = sum(state.member for state in states.values())
        return Known({row[0]: row[1] for row in rows}, states)

    def unread(
        self, read_from: datetime | None, read_until: datetime, kept_from: datetime
    ) -> dict[str, list[Window]]:
        """The windows of each known instance that were never read whole; an empty list: none.

        ``read_from`` None: since each was first read. Never before ``kept_from``.
        """
        parameters = {
            "chosen": self._common["chosen"],
            "read_from": read_from,
            "read_until": read_until,
            "kept_from": kept_from,
        }
        rows = self._connections.do(
            lambda connection: connection.execute(statement("unread"), parameters).fetchall()
        )
        found: dict[str, list[Window]] = {}
        for instance_id, start, until in rows:
            windows = found.setdefault(instance_id, [])
            if start is not None:
                windows.append(Window(utc(start), utc(until)))
        return found

    def settle(
        self, connection: psycopg.Connection, result: RunResult, settlement: Settlement
    ) -> int:
        """Keep what the run leaves owed, within its own transaction; hours still owed after it."""
        run, common = connection.execute, self._common
        if common["group"] is not None:
            run(statement("make_group"), common)
            if result.run.requested and not settlement.any_whole:
                failure = result.error or (result.failures[0][1] if result.failures else None)
                run(statement("fail_group"), common | {"error": (failure or "")[:_REASON_LENGTH]})
                return settlement.lost_hours
            run(statement("leave_group"), common | {"members": self._members})
        if settlement.exceptions:
            run(statement("settle_instances"), common | _columns(settlement))
        if common["group"] is not None:
            run(statement("move_marks"), common | {"slots": list(settlement.due.slots)})
        row = run(statement("owed_now"), common).fetchone()
        return int(row[0]) if row else 0


def _columns(settlement: Settlement) -> dict[str, Any]:
    lines = settlement.exceptions
    return {
        "instance_ids": [line.instance_id for line in lines],
        "read_from": [line.window.start for line in lines],
        "read_until": [line.window.end for line in lines],
        "whole": [line.whole for line in lines],
        "reasons": [line.reason and line.reason[:_REASON_LENGTH] for line in lines],
    }
