"""All that the store does, through a transaction pooler: no session state, nothing prepared."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest

from ingest_fn.pipeline.model import Cost, InstanceOutcome, Outcome
from ingest_fn.pipeline.rows import make_rows
from tests.making import instance_id, new_result, whole_day
from tests.pooler import running_pooler
from tests.postgres import Server, stored_rows
from tests.postgres_suite import PostgresSuite, store_of
from tests.stores import ONE, TWO


class TestThroughThePooler(PostgresSuite):
    """The whole suite again, by way of the pooler."""


@pytest.fixture
def narrow_url(postgres: Server, tmp_path: Path) -> Iterator[str]:
    """A migrated database behind a pooler that has a single connection to it."""
    with (
        postgres.fresh_database() as url,
        running_pooler(tmp_path, url, default_pool_size="1") as pooler,
    ):
        yield pooler.before(url)


def test_two_stores_take_turns_on_one_server_connection(narrow_url: str) -> None:
    together = Barrier(2)

    def fill(first: int) -> int:
        store = store_of(narrow_url)
        store.begin(new_result().run)
        inserted = 0
        for number in range(first, 16, 2):
            together.wait(10)
            ids = [instance_id(number), instance_id(100 + number // 2)]  # own, and contended
            changes = store.write(make_rows([whole_day(id_) for id_ in ids])).changes
            inserted += sum(change.inserted for change in changes.values())
        store.close()
        return inserted

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(fill, range(2))) == (16 + 8) * 24
    assert len(stored_rows(narrow_url)) == (16 + 8) * 24
    backends = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert asked(narrow_url, backends) == [(1,)]


def asked(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, prepare_threshold=None) as connection:
        return connection.execute(query).fetchall()


PINNING = (
    "SELECT name FROM pg_settings WHERE source = 'session' AND name <> 'application_name'",
    "SELECT name FROM pg_prepared_statements",
    "SELECT name FROM pg_cursors WHERE statement NOT LIKE '%pg_cursors%'",
    "SELECT relname FROM pg_class WHERE relpersistence = 't'",
    "SELECT objid::text FROM pg_locks WHERE locktype = 'advisory'",
    "SELECT pg_listening_channels()",
)
"""What would pin a connection of RDS Proxy, or show in another client's session."""


def test_the_session_is_left_as_it_was(narrow_url: str) -> None:
    store = store_of(narrow_url)
    run = new_result()
    store.begin(run.run)
    store.write(make_rows([whole_day(ONE)]))
    store.write(make_rows([whole_day(ONE, cpu=11.0)]))
    store.preview(make_rows([whole_day(TWO)]))
    run.add([InstanceOutcome(ONE, Outcome.OK)], Cost(1, 3))
    store.finish(run)
    store.close()
    assert [asked(narrow_url, query) for query in PINNING] == [[]] * len(PINNING)
