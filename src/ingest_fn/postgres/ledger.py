"""The ledger of runs in Postgres: one row per run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Json

from ingest_fn.errors import StoreError
from ingest_fn.pipeline.result import RunInfo, RunResult
from ingest_fn.postgres.connections import CLOSING_SPARE, Connections
from ingest_fn.postgres.statements import statement

_AGE_WAIT = 2.0
"""Seconds that the age of the newest hour is worth."""


class PostgresLedger:
    """The ``ingest.Ledger`` over Postgres 15 or later.

    ``retention_months``: how many months of metrics to keep (None: all).
    """

    def __init__(self, connections: Connections, retention_months: int | None = None) -> None:
        self._connections = connections
        self._retention_months = retention_months

    def begin(self, run: RunInfo) -> None:
        """Open the run's row. Raises StoreUnreachableError, SchemaError."""
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
            connection.execute(statement("ensure_partitions"), parameters)
            if self._retention_months is not None:
                connection.execute(statement("drop_partitions"), parameters)
            connection.execute(statement("begin_run"), parameters)

        self._connections.do(begin)

    def finish(self, result: RunResult) -> float | None:
        """Close the run's row; the seconds since the newest stored hour ended, None if none is."""
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
        self._connections.do(
            lambda connection: connection.execute(statement("finish_run"), parameters),
            CLOSING_SPARE,
        )
        # Whoever has locked a month may keep this from being known, not the row from being closed.
        with suppress(StoreError):
            row = self._connections.do(
                lambda connection: connection.execute(statement("newest_hour")).fetchone(),
                longest=_AGE_WAIT,
            )
            return row[0] if row else None
        return None

    def parts(self, run_id: str) -> dict[int, dict[str, Any]]:
        """What the ledger says of each part of the fan-out ``run_id``: its last attempt's counts.

        What attempts add to (rows written, calls, dollars) is summed over all of a part's.
        """

        def parts(connection: psycopg.Connection) -> list[dict[str, Any]]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(statement("parts"), {"run_id": run_id}).fetchall()

        return {row["part"]: row for row in self._connections.do(parts)}
