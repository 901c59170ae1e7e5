"""The PostgreSQL servers that the schedules run on: the embedded one, 15, and a pooler before."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

from ingest_fn.local.cluster import ADDRESS, USER, Cluster
from ingest_fn.local.postgres import local_postgres
from ingest_fn.local.programs import Programs, find_programs
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.roles import OWNER, ensure_roles, grant_runtime
from ingest_fn.postgres.schema.upgrade import upgrade
from ingest_fn.settings import database
from tests.pooler import PROGRAM

BINDIR_15 = Path("/usr/lib/postgresql/15/bin")
TARGETS = ("18", "15", "18+pgbouncer", "15+pgbouncer")
"""Majors, each also by way of PgBouncer in transaction mode."""


def missing(target: str) -> str | None:
    """What this machine lacks for ``target``, and how to get it; None where it can run."""
    if target.startswith("15") and not (BINDIR_15 / "postgres").is_file():
        return "PostgreSQL 15 is not installed: apt-get install postgresql-15"
    if target.endswith("pgbouncer") and PROGRAM is None:
        return "PgBouncer is not installed: apt-get install pgbouncer"
    return None


@contextmanager
def running_major(major: str, folder: Path) -> Iterator[str]:
    """The superuser's URL at a server of ``major``, gone with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    if major == "18":
        with local_postgres(folder, durable=False) as server:
            yield server.url
        return
    identity = find_programs(folder).identity
    cluster = Cluster(folder, Programs(BINDIR_15, 15, identity), durable=False)
    cluster.ensure_data()
    try:
        yield f"postgresql://{USER}:{cluster.password}@{ADDRESS}:{cluster.start()}/postgres"
    finally:
        cluster.stop()


@dataclass(frozen=True)
class Home:
    """A worker's own database: the administrator's URL, and the function's role."""

    admin_url: str
    role: str
    password: str

    def url_at(self, port: int) -> str:
        """The function's URL, by way of ``port``."""
        name = urlsplit(self.admin_url).path.strip("/")
        return f"postgresql://{self.role}:{self.password}@{ADDRESS}:{port}/{name}"

    @property
    def runtime_url(self) -> str:
        """The function's URL at the server itself."""
        return self.url_at(urlsplit(self.admin_url).port or 5432)


def make_home(server_url: str, name: str) -> Home:
    """A migrated database ``name``, and a runtime role whose password is a marker."""
    role, password = f"role_{name}", f"marker-password-{secrets.token_hex(8)}"
    parts = urlsplit(server_url)
    url = urlunsplit(parts._replace(path=f"/{name}", query=""))
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        with psycopg.connect(url, autocommit=True) as inside:
            ensure_roles(inside, runtime=role, password=password, iam=False)
            upgrade(login_for(database({"DATABASE_URL": url}), None), owner=OWNER)
            grant_runtime(inside, role)
            # Its settings must reach the next session through a pooler too.
            inside.execute(
                SQL("CREATE SCHEMA IF NOT EXISTS other AUTHORIZATION {}").format(Identifier(OWNER))
            )
    return Home(url, role, password)
