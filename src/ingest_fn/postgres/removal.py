"""Take made-up machines out again: the owner's work, since no run may delete rows."""

from __future__ import annotations

import psycopg

_MADE_UP = "SELECT id FROM instances WHERE region LIKE 'local-%'"
_REST = (
    f"DELETE FROM owed_hours WHERE instance_id IN ({_MADE_UP})",  # noqa: S608  a constant
    f"DELETE FROM instance_changes WHERE instance_id IN ({_MADE_UP})",  # noqa: S608
    f"DELETE FROM agent_metrics WHERE instance_id IN ({_MADE_UP})",  # noqa: S608
    "DELETE FROM agent_looks WHERE region LIKE 'local-%'",
    "DELETE FROM ingest_runs WHERE region LIKE 'local-%'",
)


def remove_made_up(connection: psycopg.Connection) -> tuple[int, int]:
    """Delete every instance whose Region begins with ``local-``, and all that is kept of it.

    Returns how many instances and rows of ``metrics``. Raises psycopg.Error.
    """
    rows = _count(connection, f"DELETE FROM metrics WHERE instance_id IN ({_MADE_UP})")  # noqa: S608
    for statement in _REST:
        connection.execute(statement.encode())
    groups = connection.execute(
        "SELECT DISTINCT read_group FROM instances "
        "WHERE region LIKE 'local-%' AND read_group IS NOT NULL"
    ).fetchall()
    instances = _count(connection, "DELETE FROM instances WHERE region LIKE 'local-%'")
    connection.execute(
        "DELETE FROM read_groups WHERE id = ANY(%s) "
        "AND NOT EXISTS (SELECT FROM instances WHERE read_group = read_groups.id)",
        [[group for (group,) in groups]],
    )
    return instances, rows


def _count(connection: psycopg.Connection, delete: str) -> int:
    """Do it, and how many rows it was."""
    counted = f"WITH gone AS ({delete} RETURNING 1) SELECT count(*) FROM gone"  # noqa: S608
    row = connection.execute(counted.encode()).fetchone()
    return row[0] if row else 0
