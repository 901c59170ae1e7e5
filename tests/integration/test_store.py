"""The store with a real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ingest_fn.errors import StoreUnreachableError
from ingest_fn.pipeline.model import Change
from ingest_fn.pipeline.rows import make_rows
from tests.making import instance_id, whole_day
from tests.postgres import PostgresStore
from tests.postgres_suite import PostgresSuite, refusal
from tests.stores import ONE, TWO


class TestPostgresStore(PostgresSuite):
    """The whole suite, and what depends on the connections and logins of the server itself."""

    def test_a_killed_connection_between_two_runs_goes_unnoticed(
        self, store: PostgresStore, connection: psycopg.Connection
    ) -> None:
        store.write(make_rows([whole_day(ONE)]))
        killed = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'ingest_fn' AND datname = current_database()"
        ).fetchone()
        assert killed == (1,)
        assert store.write(make_rows([whole_day(TWO)])).changes == {TWO: Change(24, 0)}

    def test_at_most_two_connections(
        self, store: PostgresStore, connection: psycopg.Connection
    ) -> None:
        most = 0
        done = threading.Event()

        def watch() -> None:
            nonlocal most
            while not done.is_set():
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE application_name = 'ingest_fn' AND datname = current_database()"
                ).fetchone()
                most = max(most, row[0] if row else 0)

        watcher = threading.Thread(target=watch)
        watcher.start()
        batches = [
            make_rows([whole_day(instance_id(n * 50 + k)) for k in range(50)]) for n in range(16)
        ]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(store.write, batches))
        done.set()
        watcher.join()
        assert most == 2

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda url: "postgresql://postgres:hunter2@127.0.0.1:1/ingest", "Connection refused"),
            (
                lambda url: url.replace("postgres:", "postgres:hunter2"),
                "password authentication failed",
            ),
            (lambda url: url.replace("/test_", "/absent_"), "does not exist"),
            (
                lambda url: "postgresql://u:hunter2@no-such-host.invalid/ingest",
                "no-such-host.invalid",
            ),
        ],
    )
    def test_an_unreachable_database_is_reported_with_its_cause(
        self, database_url: str, change: Callable[[str], str], said: str
    ) -> None:
        begun = datetime.now(UTC)
        error = refusal(change(database_url))
        assert isinstance(error, StoreUnreachableError)
        assert said in error.message
        assert "hunter2" not in repr(error) + str(error) + repr(error.__cause__)
        assert datetime.now(UTC) - begun < timedelta(seconds=20)


def test_an_instance_belongs_to_the_region_that_has_its_data(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO instances (instance_id, region) VALUES (%s, 'us-east-1')", [ONE]
        )
        connection.execute("SELECT ensure_metrics_partitions('2026-11-01', '2026-12-01')")
        connection.commit()
        store = PostgresStore(database_url)
        store.write(make_rows([whole_day(ONE)]))
        store.close()
        found = connection.execute("SELECT region FROM instances").fetchall()
    assert found == [("eu-central-1",)]
