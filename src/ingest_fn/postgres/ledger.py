"""The ledger of runs in Postgres: one row per run."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Json

from ingest_fn.pipeline.arrears import Settlement
from ingest_fn.pipeline.result import Refusal, RunInfo, RunResult
from ingest_fn.postgres.arrears import Arrears
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.statements import statement


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

        def finish(connection: psycopg.Connection) -> None:
            with connection.transaction():
                if settlement is not None and self._arrears is not None:
                    result.owed_hours = self._arrears.settle(connection, result, settlement)
                row = connection.execute(statement("finish_run"), _columns(result)).fetchone()
                result.newest_hour_age = row[0] if row else None

        self._connections.do(finish)

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
            lambda connection: connection.execute(statement("refuse_run"), parameters)
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
