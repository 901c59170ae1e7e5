"""All that the store does, through a transaction pooler: no session state, nothing prepared."""

from __future__ import annotations

import psycopg

from ingest_fn.rows import make_rows
from tests.integration.test_store import *  # noqa: F403  every test of the store runs here again
from tests.integration.test_store import (
    store_of,
    test_a_killed_connection_between_two_runs_goes_unnoticed,
    test_an_unreachable_database_is_reported_with_its_cause,
    test_at_most_two_connections,
)
from tests.making import instance_id, report, whole_day
from tests.postgres import stored_rows

# These look at the server's connections and logins, which here are the pooler's.
del test_a_killed_connection_between_two_runs_goes_unnoticed
del test_an_unreachable_database_is_reported_with_its_cause
del test_at_most_two_connections


def test_two_stores_take_turns_on_the_same_server_connections(database_url: str) -> None:
    one, other = store_of(database_url), store_of(database_url)
    one.begin(report())
    batches = [make_rows([whole_day(instance_id(n), cpu=n)]) for n in range(8)]
    for number, batch in enumerate(batches):
        (one, other)[number % 2].write(batch)
    assert len(stored_rows(database_url)) == 8 * 24
    one.close()
    other.close()


def test_the_session_is_left_as_it_was(database_url: str) -> None:
    store = store_of(database_url)
    store.begin(report())
    store.write(make_rows([whole_day(instance_id(1))]))
    store.close()
    with psycopg.connect(database_url, prepare_threshold=None) as connection:
        changed = (
            "SELECT name FROM pg_settings WHERE source = 'session' AND name <> 'application_name'"
        )
        assert connection.execute(changed).fetchall() == []
        assert connection.execute("SELECT name FROM pg_prepared_statements").fetchall() == []
        assert (
            connection.execute("SELECT relname FROM pg_class WHERE relpersistence = 't'").fetchall()
            == []
        )
