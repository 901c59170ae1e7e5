"""What the page shows, in five set-based queries: none is repeated per instance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.statements import statement

Fact = dict[str, Any]

COLLECTION = timedelta(days=30)
"""The time over which the cost of the collection is summed."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows as the database gives them, by column name.

    ``verdicts`` has every column of the view. ``series`` has, by EC2's id, lists of the same
    length: ``hours`` (counted from ``start``), ``cpu``, ``cpu_max`` and ``memory`` in percent,
    ``network`` in bytes per hour; None is unknown. The window is closed-open, in UTC.
    """

    start: datetime
    end: datetime
    verdicts: list[Fact]
    series: dict[str, Fact]
    gaps: list[Fact]
    runs: Fact
    prices: list[Fact]


class PostgresReport:
    """Reads verdicts, and what is shown with them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def verdicts(self, as_of: datetime, days: int) -> list[Fact]:
        """Every row of ``verdicts(as_of, days)``. Raises StoreError, SchemaError."""
        return self._rows("report_verdicts", {"as_of": as_of, "days": days})

    def facts(self, as_of: datetime, days: int, *, now: datetime | None = None) -> Facts:
        """All that the page shows, over ``days`` before ``as_of`` (aware). Raises as above.

        The runs are those of the 30 days before ``now`` (None: ``as_of``).
        """
        until = now or as_of
        end = as_of.replace(minute=0, second=0, microsecond=0)
        start = end - timedelta(days=days)
        window = {"start": start, "end": end}
        series = self._rows("report_series", window)
        (runs,) = self._rows("report_runs", {"since": until - COLLECTION, "until": until})
        return Facts(
            start=start,
            end=end,
            verdicts=self.verdicts(as_of, days),
            series={row["instance_id"]: row for row in series},
            gaps=self._rows("report_gaps", window),
            runs=runs,
            prices=self._rows("report_prices", {"until": as_of}),
        )

    def _rows(self, name: str, parameters: Fact) -> list[Fact]:
        def rows(connection: psycopg.Connection[Any]) -> list[Fact]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(statement(name), parameters).fetchall()

        return self._connections.do(rows)
