"""What was learnt about CloudWatch agents, kept in Postgres."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Json

from ingest_fn.pipeline.agent import AgentSeries, Learnt, NoMemory
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.statements import statement

LOOK_AGAIN = timedelta(days=1)
"""How long after a look CloudWatch is asked again, for machines without a series that answers."""


class PostgresAgents:
    """The series of agents in Postgres 15 or later. What is known already is not written again.

    ``region`` and ``account_id`` (None: the function's own account) are where CloudWatch is asked.
    All methods raise StoreError and StoreUnreachableError.
    """

    def __init__(
        self, connections: Connections, region: str, account_id: str | None = None
    ) -> None:
        self._connections = connections
        self._place = {"region": region, "account_id": account_id or ""}

    def known(self, instance_ids: Collection[str]) -> dict[str, Learnt]:
        """What is known of these instances. One that is missing was never looked for."""
        parameters = {"instance_ids": list(instance_ids)}

        def known(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(statement("known_agents"), parameters).fetchall()

        return {
            instance_id: Learnt(
                None if metric is None else AgentSeries(metric, tuple(sorted(dimensions.items()))),
                None if reason is None else NoMemory(reason),
            )
            for instance_id, metric, dimensions, reason in self._connections.do(known)
        }

    def look_is_due(
        self, instance_ids: Collection[str], known: Mapping[str, Learnt], now: datetime
    ) -> bool:
        """Whether to ask CloudWatch which agents publish.

        At once for an instance that was never looked for; after ``LOOK_AGAIN`` where one has no
        series, or one that is silent.
        """
        if any(instance_id not in known for instance_id in instance_ids):
            return True
        if all(learnt.reason is None for learnt in known.values()):
            return False

        def look(connection: psycopg.Connection) -> Any:
            return connection.execute(statement("agent_look"), self._place).fetchone()

        row = self._connections.do(look)
        return row is None or bool(row[0] < now - LOOK_AGAIN)

    def keep(self, learnt: Mapping[str, Learnt], now: datetime) -> None:
        """Keep what a look at ``now`` has learnt of known instances."""
        rows = [
            {
                "instance_id": instance_id,
                "metric": found.series.metric if found.series else None,
                "dimensions": dict(found.series.dimensions) if found.series else None,
                "reason": found.reason,
            }
            for instance_id, found in learnt.items()
        ]

        def keep(connection: psycopg.Connection) -> None:
            with connection.transaction():
                connection.execute(statement("keep_agents"), {"learnt": Json(rows), "now": now})
                connection.execute(statement("keep_agent_look"), self._place | {"now": now})

        self._connections.do(keep)

    def heard(self, answered: Collection[str], silent: Collection[str], now: datetime) -> None:
        """Note whose series had memory in a whole run's window, and whose had none."""
        parameters = {"answered": list(answered), "silent": list(silent), "now": now}
        self._connections.do(
            lambda connection: connection.execute(statement("agents_answered"), parameters)
        )
