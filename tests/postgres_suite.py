"""What the store does with a real PostgreSQL, directly or through a pooler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ingest_fn.errors import ConfigurationError, SchemaError, StoreError
from ingest_fn.pipeline.model import HOUR, Cost, Rows, Window
from ingest_fn.pipeline.rows import make_rows
from ingest_fn.postgres.login import login_for
from tests.making import DAY, END, instance_id, new_result, reading, whole_day
from tests.postgres import PostgresStore, Server, as_runtime, settings, stored_rows
from tests.stores import FIRST, ONE, TWO, WHOLE_ROW, Store, Stored, StoreSuite


def store_of(url: str) -> PostgresStore:
    """The store with the login of the runtime role, as the function has it."""
    return PostgresStore(as_runtime(url))


def versions(connection: psycopg.Connection) -> object:
    return connection.execute(
        "SELECT array_agg((ctid, xmin, xmax)::text ORDER BY timestamp, instance_id) FROM metrics"
    ).fetchone()


def wal_of(connection: psycopg.Connection, work: Callable[[], object]) -> int:
    """Bytes of WAL that the server wrote while ``work`` ran."""
    query = "SELECT pg_current_wal_insert_lsn() - '0/0'"
    before = connection.execute(query).fetchone()
    work()
    after = connection.execute(query).fetchone()
    assert before is not None
    assert after is not None
    return int(after[0] - before[0])


def months(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits "
        "WHERE inhparent = 'metrics'::regclass ORDER BY 1"
    )
    return [name.removeprefix("metrics_") for (name,) in rows]


def refusal(url: str) -> Exception:
    store = PostgresStore(url)
    try:
        store.begin(new_result().run)
    except Exception as error:  # noqa: BLE001  the test looks at whatever comes
        return error
    finally:
        store.close()
    raise AssertionError(url)


class PostgresSuite(StoreSuite):
    """The suite of every store, and what only Postgres does. ``database_url`` says where."""

    @pytest.fixture
    def store(self, database_url: str) -> Iterator[PostgresStore]:
        self.url = database_url
        store = store_of(database_url)
        store.begin(new_result().run)
        yield store
        store.close()

    @pytest.fixture
    def connection(self, database_url: str) -> Iterator[psycopg.Connection]:
        """The administrator's connection, for looking and for preparing."""
        with psycopg.connect(database_url, autocommit=True) as connection:
            yield connection

    def stored(self, store: Store) -> Stored:
        del store
        return stored_rows(self.url)

    def test_unchanged_rows_are_not_touched_at_all(
        self, store: PostgresStore, connection: psycopg.Connection
    ) -> None:
        rows = make_rows([whole_day(instance_id(n), cpu=n / 3) for n in range(50)])
        store.write(rows)
        before = versions(connection)
        # The server writes a few bytes of its own now and then: one quiet run of five is enough.
        assert min(wal_of(connection, lambda: store.write(rows)) for _ in range(5)) == 0
        assert versions(connection) == before

    def test_a_batch_is_one_transaction(self, store: PostgresStore, database_url: str) -> None:
        """A row that the database refuses takes the batch's new instance with it."""
        bad = reading(ONE, {FIRST + 60: WHOLE_ROW})
        with pytest.raises(StoreError, match="whole_utc_hour"):
            store.write(make_rows([bad]))
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT count(*) FROM instances").fetchone() == (0,)

    def test_the_database_itself_refuses_a_timestamp_within_the_hour(
        self, store: PostgresStore, connection: psycopg.Connection
    ) -> None:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(
                "INSERT INTO metrics (timestamp, instance_id) VALUES ('2026-11-23T09:25:00Z', 1)"
            )

    def test_six_overlapping_runs_neither_deadlock_nor_duplicate(
        self, store: PostgresStore, database_url: str
    ) -> None:
        ids = [instance_id(n) for n in range(120)]

        def run(number: int) -> tuple[int, int]:
            own = store_of(database_url)
            # Each run cuts its batches differently, so that several runs want the same rows.
            size, inserted, updated = 10 + 7 * number, 0, 0
            for first in range(0, len(ids), size):
                rows = make_rows(
                    [whole_day(id_, cpu=number % 2) for id_ in ids[first : first + size]]
                )
                for change in own.write(rows).changes.values():
                    inserted, updated = inserted + change.inserted, updated + change.updated
            own.close()
            return inserted, updated

        with ThreadPoolExecutor(6) as pool:
            counts = list(pool.map(run, range(6)))
        assert len(stored_rows(database_url)) == 120 * 24
        assert sum(inserted for inserted, _ in counts) == 120 * 24
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT count(*) FROM instances").fetchone() == (120,)

    def test_a_backfill_finds_its_months(self, store: PostgresStore, database_url: str) -> None:
        start = END - timedelta(days=455)
        window = Window(start, start + 48 * HOUR)
        run = new_result(window=window)
        store.begin(run.run)
        store.write(make_rows([whole_day(ONE, window=window)]))
        assert min(hour for _, hour in stored_rows(database_url)) == start.timestamp()

    @pytest.mark.parametrize(
        "moment",
        [
            datetime(2024, 2, 29, 23, tzinfo=UTC),
            datetime(2025, 12, 31, 23, tzinfo=UTC),
            datetime(2026, 3, 29, 1, tzinfo=UTC),
        ],
    )
    def test_months_meet_without_a_gap(
        self, store: PostgresStore, database_url: str, moment: datetime
    ) -> None:
        window = Window(moment - HOUR, moment + 3 * HOUR)
        store.begin(new_result(window=window).run)
        store.write(make_rows([whole_day(ONE, window=window)]))
        assert sorted(hour for _, hour in stored_rows(database_url)) == list(window.hours)

    def test_partitions_are_made_whatever_the_session_s_time_zone(
        self, postgres: Server, database_url: str
    ) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("SET TimeZone = 'Pacific/Auckland'")
            connection.execute(
                "SELECT ensure_metrics_partitions('2026-01-31T23:00Z', '2026-02-01T01:00Z')"
            )
            connection.execute(
                "INSERT INTO metrics (timestamp, instance_id) "
                "SELECT hour, 1 FROM generate_series("
                "'2026-01-01Z'::timestamptz, '2026-02-28T23:00Z', '1 hour') AS hour"
            )
            count = connection.execute(
                "SELECT tableoid::regclass::text, count(*) FROM metrics GROUP BY 1 ORDER BY 1"
            )
            assert count.fetchall() == [("metrics_2026_01", 744), ("metrics_2026_02", 672)]

    def test_old_months_go_only_where_retention_is_asked_for(
        self, store: PostgresStore, database_url: str, connection: psycopg.Connection
    ) -> None:
        connection.execute("SELECT ensure_metrics_partitions('2026-07-15', '2026-11-23')")
        store.begin(new_result().run)
        assert months(connection)[:2] == ["2026_07", "2026_08"]
        keeping = PostgresStore(database_url, retention_months=2)
        keeping.begin(new_result().run)
        assert months(connection) == ["2026_09", "2026_10", "2026_11", "2026_12"]
        keeping.close()

    def test_a_reader_keeps_an_old_month_until_the_next_run(
        self, store: PostgresStore, database_url: str, connection: psycopg.Connection
    ) -> None:
        connection.execute("SELECT ensure_metrics_partitions('2026-07-15', '2026-11-23')")
        drop = "SELECT drop_metrics_partitions('2026-11-23', 1)"
        with psycopg.connect(database_url) as reader:
            reader.execute("SELECT count(*) FROM metrics")
            assert connection.execute(drop).fetchone() == (0,)
        assert connection.execute(drop).fetchone() == (3,)

    @pytest.mark.parametrize("kept", ["0", "-3", "NULL"])
    def test_retention_never_drops_the_current_month(
        self, store: PostgresStore, connection: psycopg.Connection, kept: str
    ) -> None:
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="one month or more"):
            connection.execute(f"SELECT drop_metrics_partitions('2026-11-23', {kept})")

    def test_one_instance_s_history(
        self, store: PostgresStore, connection: psycopg.Connection
    ) -> None:
        store.write(make_rows([whole_day(ONE), whole_day(TWO)]))
        rows = connection.execute(
            "SELECT count(*), min(timestamp), max(timestamp) FROM instance_history(%s, %s, %s)",
            [TWO, DAY.start + 20 * HOUR, END],
        ).fetchone()
        assert rows == (4, DAY.start + 20 * HOUR, END - HOUR)

    def test_an_instance_with_metrics_cannot_be_deleted(
        self, store: PostgresStore, connection: psycopg.Connection
    ) -> None:
        store.write(make_rows([whole_day(ONE)]))
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="still has rows in metrics"):
            connection.execute("DELETE FROM instances")
        connection.execute("DELETE FROM metrics")
        connection.execute("DELETE FROM instances")

    def test_the_ledger_holds_what_the_result_says(
        self, store: PostgresStore, connection: psycopg.Connection
    ) -> None:
        run = new_result(3)
        store.begin(run.run)
        line = (
            "SELECT status, finished_at IS NULL, trigger, region, api, window_start, window_end, "
            "instances_requested FROM ingest_runs WHERE run_id = %s"
        )
        assert connection.execute(line, [run.run.run_id]).fetchone() == (
            "running",
            True,
            "cli",
            "eu-central-1",
            "metric-data",
            DAY.start,
            END,
            3,
        )
        from ingest_fn.pipeline.model import InstanceOutcome, Outcome

        run.add(
            [
                InstanceOutcome(
                    ONE,
                    Outcome.OK,
                    datapoints=120,
                    inserted=20,
                    updated=3,
                    unchanged=1,
                    created=True,
                ),
                InstanceOutcome(TWO, Outcome.EMPTY),
                InstanceOutcome(instance_id(3), Outcome.FAILED, reason="Throttled"),
            ],
            Cost(4, 9),
        )
        store.finish(run)
        row = connection.execute(
            "SELECT status, instances_ok, instances_empty, instances_partial, instances_failed, "
            "instances_created, rows_inserted, rows_updated, rows_unchanged, cloudwatch_calls, "
            "metrics_billed, estimated_cost_usd, failures, finished_at >= started_at "
            "FROM ingest_runs WHERE run_id = %s",
            [run.run.run_id],
        ).fetchone()
        assert row == (
            "partial",
            1,
            1,
            0,
            1,
            1,
            20,
            3,
            1,
            4,
            9,
            0.00009,
            [{"instance_id": instance_id(3), "reason": "Throttled"}],
            True,
        )

    def test_every_table_and_column_is_explained(self, connection: psycopg.Connection) -> None:
        unexplained = connection.execute(
            """
            SELECT c.relname, a.attname
            FROM pg_class AS c
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace
            AND c.relname IN ('metrics', 'instances', 'ingest_runs')
            AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)
            AND a.attname NOT IN ('id')
            AND (c.relname, a.attname) NOT IN (
                SELECT 'ingest_runs', name FROM unnest(%s::text[]) AS name
            )
            """,
            [
                [
                    "run_id",
                    "status",
                    "started_at",
                    "finished_at",
                    "region",
                    "instances_requested",
                    "instances_ok",
                    "instances_failed",
                    "instances_created",
                    "rows_inserted",
                    "rows_updated",
                    "rows_unchanged",
                    "cloudwatch_calls",
                    "error",
                ]
            ],
        ).fetchall()
        assert unexplained == []

    def test_a_missing_schema_says_migrate(self, postgres: Server) -> None:
        with postgres.fresh_database(template="template0") as url:
            error = refusal(url)
        assert isinstance(error, SchemaError)
        assert "python -m ingest_fn migrate" in error.hint

    def test_a_malformed_url_is_refused_without_showing_it(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            login_for(settings("postgresql//u:hunter2@host/db"), None)
        assert "DATABASE_URL" in caught.value.message
        assert "hunter2" not in str(caught.value)
        assert caught.value.__context__ is None

    def test_no_rows_and_no_instances_are_nothing_to_do(self, store: PostgresStore) -> None:
        assert store.write(Rows((), [], [], tuple([] for _ in range(5)))).changes == {}
