"""Which column the key of ``metrics`` should begin with, measured on a month of history.

``python -m benchmarks.key_order [--instances 1000] [--history-days 30]``. Two tables with the same
partitions hold the same rows. The key of one is hour and instance, as in the schema; the key of the
other is instance and hour.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import psycopg

from benchmarks.harness import WINDOW, postgres, table
from benchmarks.store import WAL, fill, value
from ingest_fn.pipeline.model import HOUR, zulu

ROUNDS = 5

OTHER = """
CREATE TABLE instance_first (
    LIKE metrics INCLUDING DEFAULTS, PRIMARY KEY (instance_id, "timestamp")
) PARTITION BY RANGE ("timestamp");
"""
NEW_HOUR = """
INSERT INTO {} SELECT '{}', network_in, network_out, instance_id, cpu_utilization,
    cpu_utilization_max, memory_utilization, sample_count
FROM metrics WHERE "timestamp" = '{}' ORDER BY instance_id
"""
FLEET = """
SELECT instance_id, avg(cpu_utilization), max(cpu_utilization_max) FROM {}
WHERE "timestamp" >= '{}' AND "timestamp" < '{}' GROUP BY instance_id
"""
ONE_BY_FUNCTION = """
SELECT avg(cpu_utilization), count(*)
FROM instance_history('i-00000000000000007', '{}', '{}')
"""
ONE = """
SELECT avg(cpu_utilization), count(*) FROM {} WHERE instance_id = (
    SELECT id FROM instances WHERE instance_id = 'i-00000000000000007'
) AND "timestamp" >= '{}' AND "timestamp" < '{}'
"""


def milliseconds(connection: psycopg.Connection, query: str) -> float:
    """The median of several executions, without the first."""
    times = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        connection.execute(query).fetchall()
        times.append((time.perf_counter() - begun) * 1e3)
    return median(times[1:])


def insertion(connection: psycopg.Connection, name: str, hour: str, like: str) -> tuple[float, int]:
    """Milliseconds and WAL bytes of one new hour for all instances, after a checkpoint."""
    connection.execute("CHECKPOINT")
    before, begun = value(connection, WAL), time.perf_counter()
    connection.execute(NEW_HOUR.format(name, hour, like))
    return (time.perf_counter() - begun) * 1e3, value(connection, WAL) - before


def results(instances: int, history_days: int) -> str:
    """Measure, and return a table."""
    start = WINDOW.end - history_days * 24 * HOUR
    with postgres() as url, psycopg.connect(url, autocommit=True) as connection:
        fill(url, instances, history_days)
        connection.execute(OTHER)
        for name, bounds in connection.execute(
            "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class "
            "WHERE relispartition AND relkind = 'r' AND relname LIKE 'metrics_%'"
        ).fetchall():
            connection.execute(f"CREATE TABLE other_{name} PARTITION OF instance_first {bounds}")
        connection.execute("INSERT INTO instance_first SELECT * FROM metrics")
        connection.execute("VACUUM ANALYZE")
        hour, like = zulu(WINDOW.end - HOUR), zulu(WINDOW.end - 2 * HOUR)
        day, end = zulu(WINDOW.end - 25 * HOUR), zulu(WINDOW.end - HOUR)
        lines = []
        for name in ("metrics", "instance_first"):
            took, wal = insertion(connection, name, hour, like)
            fleet = milliseconds(connection, FLEET.format(name, day, end))
            month = milliseconds(connection, FLEET.format(name, zulu(start), end))
            one = (
                ONE_BY_FUNCTION.format(zulu(start), end)
                if name == "metrics"
                else ONE.format(name, zulu(start), end)
            )
            lines.append(
                f"{'hour, instance' if name == 'metrics' else 'instance, hour'}|{took:.0f}"
                f"|{wal / instances:,.0f}|{fleet:.1f}|{month:.0f}"
                f"|{milliseconds(connection, one):.1f}"
            )
    return table(
        "key begins with|new hour, ms|its WAL bytes/row|fleet's day, ms|fleet's month, ms"
        "|one instance's month, ms",
        *lines,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=1_000)
    parser.add_argument("--history-days", type=int, default=30)
    asked = parser.parse_args()
    print(results(asked.instances, asked.history_days))
