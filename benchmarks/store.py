"""The store alone: first load, re-run and one new hour, compared with two plain ways.

``python -m benchmarks.store [--instances 2000] [--history-days 30]``. WAL is what the server
reports. Dead rows are counted before vacuum removes them.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import psycopg

from benchmarks.harness import WINDOW, ids, postgres, table
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import HOUR, Api, Reading, Rows, Window
from ingest_fn.pipeline.result import RunInfo
from ingest_fn.pipeline.rows import make_rows
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.ledger import PostgresLedger
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metrics import PostgresMetrics
from ingest_fn.settings import database

BATCH = 100

WATCH = "benchmark"
WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
DEAD = "SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
OTHER_BACKENDS = f"""
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name <> '{WATCH}'
"""
SIZE = """
SELECT sum(pg_relation_size(inhrelid) + pg_indexes_size(inhrelid))
FROM pg_inherits WHERE inhparent = 'metrics'::regclass
"""

PLAIN = """
DROP TABLE IF EXISTS plain;
CREATE TABLE plain (
    instance_id text, "timestamp" timestamptz, cpu_utilization double precision,
    cpu_utilization_max double precision, sample_count double precision,
    network_in double precision, network_out double precision,
    PRIMARY KEY (instance_id, "timestamp")
);
"""
UPSERT = """
INSERT INTO plain VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (instance_id, "timestamp") DO UPDATE SET
    cpu_utilization = excluded.cpu_utilization, cpu_utilization_max = excluded.cpu_utilization_max,
    sample_count = excluded.sample_count, network_in = excluded.network_in,
    network_out = excluded.network_out
"""

Write = Callable[[Rows], object]


@dataclass(frozen=True)
class Figure:
    """What one pass over all batches took. ``rows`` are those that the store was given."""

    name: str
    rows: int
    new: int
    seconds: float
    wal: int
    dead: int


def batches(count: int, window: Window) -> list[Rows]:
    """The rows of ``count`` instances in batches, as a run makes them."""
    return [
        make_rows(_reading(id_, window) for id_ in ids(count)[first : first + BATCH])
        for first in range(0, count, BATCH)
    ]


def _reading(instance_id: str, window: Window) -> Reading:
    seed = zlib.crc32(instance_id.encode())
    series = tuple(
        {stamp: float((seed * 31 + stamp // 3600 * 7 + k) % 97) + 0.25 for stamp in window.hours}
        for k in range(len(DEFAULT))
    )
    return Reading(instance_id, series)


def measured(
    name: str,
    url: str,
    writer: Callable[[str], AbstractContextManager[Write]],
    given: list[Rows],
    new: int = 0,
) -> Figure:
    """Write all batches, one after the other, and measure. ``new`` of their rows are new."""
    with psycopg.connect(url, autocommit=True, application_name=WATCH) as watch:
        watch.execute("CHECKPOINT")
        dead, wal = value(watch, DEAD), value(watch, WAL)
        with writer(url) as write:
            begun = time.perf_counter()
            for rows in given:
                write(rows)
            seconds = time.perf_counter() - begun
        while value(watch, OTHER_BACKENDS):  # they report their counters when they end
            time.sleep(0.01)
        wal = value(watch, WAL) - wal
        watch.execute("SELECT pg_stat_clear_snapshot()")
        dead = value(watch, DEAD) - dead
    return Figure(name, sum(map(len, given)), new, seconds, wal, dead)


def value(connection: psycopg.Connection, query: str) -> int:
    """The one number that a query returns."""
    row = connection.execute(query).fetchone()
    return int(row[0] or 0) if row else 0


@contextmanager
def this_store(url: str) -> Iterator[Write]:
    """The product's store."""
    with closing(_connections(url)) as connections:
        yield PostgresMetrics(connections, "us-east-1").write


def _connections(url: str) -> Connections:
    return Connections(login_for(database({"DATABASE_URL": url}), None))


def begin(url: str, window: Window) -> None:
    """Make the partitions of ``window``."""
    run = RunInfo(
        str(uuid4()), "cli", "us-east-1", window, dry_run=False, api=Api.SYNTHETIC, requested=0
    )
    with closing(_connections(url)) as connections:
        PostgresLedger(connections).begin(run)


def plain_rows(rows: Rows) -> list[tuple[object, ...]]:
    """The same rows as tuples, for the plain ways."""
    each = [i for i, n in zip(rows.instance_ids, rows.counts, strict=True) for _ in range(n)]
    stamps = [datetime.fromtimestamp(hour, UTC) for hour in rows.hour]
    return list(zip(each, stamps, *rows.values, strict=True))


@contextmanager
def one_statement_per_row(url: str) -> Iterator[Write]:
    """One upsert per row, one commit per batch."""
    with psycopg.connect(url, autocommit=True) as connection:

        def write(rows: Rows) -> None:
            with connection.transaction():
                for row in plain_rows(rows):
                    connection.execute(UPSERT, row)

        yield write


@contextmanager
def executemany(url: str) -> Iterator[Write]:
    """The same statement for many rows, pipelined by psycopg."""
    with psycopg.connect(url, autocommit=True) as connection:

        def write(rows: Rows) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(UPSERT, plain_rows(rows))

        yield write


def plain_passes(url: str, day: list[Rows]) -> Iterator[Figure]:
    """First load and re-run in the two plain ways; the slow one with a fifth of the instances."""
    for name, writer, given in (
        ("one statement per row", one_statement_per_row, day[: max(1, len(day) // 5)]),
        ("executemany", executemany, day),
    ):
        _do(url, PLAIN)
        for kind in ("first load", "re-run"):
            yield measured(f"{kind}, {name}", url, writer, given)


def own_passes(url: str, day: list[Rows]) -> Iterator[Figure]:
    """First load and re-run with this store."""
    begin(url, WINDOW)
    yield measured("first load, this store", url, this_store, day)
    _do(url, "VACUUM")  # otherwise the first reader of a row marks it as committed, which is WAL
    yield measured("re-run, this store", url, this_store, day)


def fill(url: str, instances: int, history_days: int) -> None:
    """``history_days`` of rows, up to the newest hour of the window and without it."""
    _do(url, "TRUNCATE metrics")
    history = Window(WINDOW.end - history_days * 24 * HOUR, WINDOW.end - HOUR)
    begin(url, history)
    with this_store(url) as write:
        for start in range(0, history.hour_count, 24):
            first = history.start + start * HOUR
            for rows in batches(instances, Window(first, min(first + 24 * HOUR, history.end))):
                write(rows)
    _do(url, "VACUUM ANALYZE")


def new_hour(url: str, day: list[Rows], instances: int, history_days: int) -> Figure:
    """The hourly run: a month is stored already, only the newest hour of the window is new."""
    fill(url, instances, history_days)
    name = f"one new hour after {history_days} days, this store"
    return measured(name, url, this_store, day, new=instances)


def results(instances: int, history_days: int) -> str:
    """Measure, and return a table and a sentence."""
    day = batches(instances, WINDOW)
    with postgres() as url:
        figures = [*plain_passes(url, day), *own_passes(url, day)]
        size = _bytes_per_row(url)
        hour = new_hour(url, day, instances, history_days)
        size_of_history = _bytes_per_row(url)
    base = {f.name.split(",")[0]: f for f in figures if f.name.endswith("executemany")}
    lines = table(
        "pass, way|rows/s|× executemany|WAL bytes/row|dead rows/row",
        *(
            f"{f.name}|{f.rows / f.seconds:,.0f}|{_ratio(f, base)}"
            f"|{f.wal / f.rows:,.1f}|{f.dead / f.rows:.2f}"
            for f in (*figures, hour)
        ),
    )
    return (
        f"{lines}\n\nA stored row takes {size:.1f} bytes after the first load of a day and "
        f"{size_of_history:.1f} in {history_days} days of history, index included. The new hour "
        f"writes {hour.wal / hour.new:,.0f} bytes of WAL for each new row, which is "
        f"{hour.wal / hour.rows:,.1f} for each row of the window that was checked: WAL has to hold "
        "the row of 64 bytes and its key of 16, each in a record with its own header."
    )


def _ratio(figure: Figure, base: dict[str, Figure]) -> str:
    other = base.get(figure.name.split(",")[0])
    return f"{figure.rows / figure.seconds / (other.rows / other.seconds):.1f}" if other else ""


def _do(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements)


def _bytes_per_row(url: str) -> float:
    with psycopg.connect(url) as connection:
        rows = value(connection, "SELECT count(*) FROM metrics")
        return value(connection, SIZE) / rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=1_000)
    parser.add_argument("--history-days", type=int, default=30)
    asked = parser.parse_args()
    print(results(asked.instances, asked.history_days))
