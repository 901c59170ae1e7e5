"""The database of a command: the configured one, or the embedded one of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.upgrade import upgrade
from ingest_fn.settings import DATABASE_VARIABLES, database


@contextmanager
def with_database(
    env: Mapping[str, str], notify: Callable[[str], None]
) -> Iterator[dict[str, str]]:
    """``env``, with the URL of the embedded database if it names none; its schema is up to date."""
    if any(env.get(name) for name in DATABASE_VARIABLES):
        yield dict(env)
        return
    from ingest_fn.local.postgres import DIRECTORY, local_postgres

    notify(f"Neither DATABASE_URL nor DATABASE_HOST is set: using PostgreSQL in {DIRECTORY}.")
    with local_postgres(notify=notify) as server:
        local = {**env, "DATABASE_URL": server.url}
        upgrade(
            login_for(database(local), local.get("AWS_REGION")),
            environment_tag=local.get("ENVIRONMENT_TAG"),
        )
        yield local
