"""The ledger of runs in Postgres: one row per run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Json

from ingest_fn.errors import StoreBusyError, StoreError
from ingest_fn.pipeline.arrears import Settlement
from ingest_fn.pipeline.result import Refusal, RunInfo, RunResult
from ingest_fn.postgres.arrears import Arrears
from ingest_fn.postgres.connections import CLOSING_SPARE, Connections
from ingest_fn.postgres.statements import statement

_AGE_WAIT = 2.0
"""Seconds that the age of the newest hour is worth."""

_REFUSAL_WAIT = 5.0
"""Seconds that the row of a refused run is worth: its error is raised in any case."""

_SETTLING_WAIT = 60.0
"""Seconds for what is owed, where the deadline is far."""


class PostgresLedger:
    """The ``ingest.Ledger`` over Postgres 15 or later.

    ``retention_months``: how many months of metrics to keep (None: all). ``arrears`` keeps what is
    owed; None: nobody asks, as for a fan-out as a whole or a synthetic fleet.
    """

    def __init__(
        self,
        connections: Connections,
        retention_months: int | None = None,
        arrears: Arrears | None = None,
    ) -> None:
        self._connections = connections
        self._retention_months = retention_months
        self._arrears = arrears

    def begin(self, run: RunInfo) -> None:
        """Open the run's row. Raises StoreUnreachableError, SchemaError."""
        reads_from = run.reads_from or run.window.start
        parameters = {
            "run_id": run.run_id,
            "trigger": run.trigger,
            "window_start": run.window.start,
            "window_end": run.window.end,
            "reads_from": min(reads_from, run.window.start),
            "region": run.region,
            "api": run.api.value,
            "requested": run.requested,
            "not_due": run.not_due,
            "freshness_hours": run.freshness_hours,
            "plan_reason": run.plan_reason or None,
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

    def finish(self, result: RunResult, settlement: Settlement | None = None) -> None:
        """Close the run's row, and keep what is owed, in one transaction.

        Fills in ``owed_hours`` and ``newest_hour_age`` of ``result``.
        """
        arrears = self._arrears

        def finish(connection: psycopg.Connection) -> None:
            if settlement is not None and arrears is not None:
                result.owed_hours = arrears.settle(connection, result, settlement)
            connection.execute(statement("finish_run"), _columns(result))

        def close(connection: psycopg.Connection) -> None:
            connection.execute(statement("finish_run"), _columns(result))

        try:
            self._connections.do(finish, CLOSING_SPARE, longest=_SETTLING_WAIT)
        except StoreBusyError:
            # Somebody holds the tables of what is owed. The next run reads the same hours again.
            self._connections.do(close, CLOSING_SPARE)
        # Whoever has locked a month may keep this from being known, not the row from being closed.
        with suppress(StoreError):
            row = self._connections.do(
                lambda connection: connection.execute(statement("newest_hour")).fetchone(),
                longest=_AGE_WAIT,
            )
            result.newest_hour_age = row[0] if row else None

    def refuse(self, run: Refusal, error: str) -> None:
        """Keep a row for a run that was refused before anything was read."""
        window, part = run.window, run.part
        parameters = {
            "run_id": str(uuid4()),
            "trigger": run.trigger,
            "window_start": window and window.start,
            "window_end": window and window.end,
            "region": run.region,
            "api": run.api.value,
            "account_id": run.account_id,
            "parent_run_id": part and part.run_id,
            "part": part and part.number,
            "requested": run.requested,
            "error": error,
        }
        self._connections.do(
            lambda connection: connection.execute(statement("refuse_run"), parameters),
            CLOSING_SPARE,
            longest=_REFUSAL_WAIT,
        )

    def spent(self, since: Any, until: Any) -> tuple[int, int]:
        """Metrics by GetMetricData and requests by GetMetricStatistics of the runs in a time."""
        parameters = {"since": since, "until": until}
        row = self._connections.do(
            lambda connection: connection.execute(statement("spent"), parameters).fetchone()
        )
        return row or (0, 0)

    def parts(self, run_id: str) -> dict[int, dict[str, Any]]:
        """What the ledger says of each part of the fan-out ``run_id``: its last attempt's counts.

        What attempts add to (rows written, calls, dollars) is summed over all of a part's.
        """

        def parts(connection: psycopg.Connection) -> list[dict[str, Any]]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(statement("parts"), {"run_id": run_id}).fetchall()

        return {row["part"]: row for row in self._connections.do(parts)}


def _columns(result: RunResult) -> dict[str, Any]:
    shape = result.as_dict()
    return {
        "run_id": result.run.run_id,
        "status": result.status,
        **shape["instances"],
        **shape["rows"],
        **shape["hours"],
        **shape["cloudwatch"],
        "failures": Json(shape["failures"]),
        "error": result.error,
    }
