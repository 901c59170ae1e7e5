"""A real PostgreSQL server for laptops and tests. Nothing is installed or left running."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.pq import Conninfo

from ingest_fn.errors import ConfigurationError
from ingest_fn.local.cluster import ADDRESS, USER, Cluster
from ingest_fn.local.programs import find_programs

DIRECTORY = Path(".local/postgres")
DATABASE = "ingest"
STACK = "stack.json"

_FURTHER = {"PGDATESTYLE", "PGGEQO", "PGSERVICEFILE", "PGSYSCONFDIR", "PGTZ"}
"""Variables of libpq's beside those of its connection parameters."""


@dataclass(frozen=True, slots=True)
class LocalPostgres:
    """A running server. ``url`` is for libpq and has the password; ``bindir`` has the programs."""

    url: str = field(repr=False)
    bindir: Path
    url_without_password: str

    def psql(self, *arguments: str) -> list[str]:
        """A command line for ``psql`` that has the password's file and not the password."""
        return [str(self.bindir / "psql"), self.url_without_password, *arguments]


@contextmanager
def local_postgres(
    directory: Path = DIRECTORY,
    *,
    durable: bool = True,
    notify: Callable[[str], None] | None = None,
    port: int | None = None,
) -> Iterator[LocalPostgres]:
    """A server with a database ``ingest``, until the block ends. Its data stay in ``directory``.

    It listens on ``port`` of 127.0.0.1, or a free one. The server of ``make up`` is used if it
    runs. Otherwise a second process waits until the first has ended, and tells ``notify`` so. The
    caller's PG… variables have no say. SIGTERM and SIGHUP end the block as Ctrl-C does. Without
    ``durable``, tests are faster, but a crash may destroy the data. Raises ConfigurationError.
    """
    directory = directory.absolute()
    with _no_libpq_variables():
        running = None if port is not None else running_stack(directory.parent)
        if running is not None and directory.name == DIRECTORY.name:
            where = running.url.rpartition("@")[2]
            password_file = quote(str(directory / "password"))
            yield LocalPostgres(
                running.url,
                find_programs(directory).bindir,
                f"postgresql://{USER}@{where}&passfile={password_file}",
            )
            return
        with _started(directory, notify, port, durable=durable) as server:
            yield server


@contextmanager
def _started(
    directory: Path, notify: Callable[[str], None] | None, port: int | None, *, durable: bool
) -> Iterator[LocalPostgres]:
    with _signals_as_interrupts(), _locked(directory, notify):
        programs = find_programs(directory)
        cluster = Cluster(directory, programs, durable=durable)
        cluster.ensure_data()
        try:
            where = f"{ADDRESS}:{cluster.start(port)}/{DATABASE}?sslmode=disable"
            server = LocalPostgres(
                f"postgresql://{USER}:{cluster.password}@{where}",
                programs.bindir,
                f"postgresql://{USER}@{where}&passfile={quote(str(cluster.password_file))}",
            )
            _ensure_database(server, cluster)
            yield server
        finally:
            cluster.stop()


def _ensure_database(server: LocalPostgres, cluster: Cluster) -> None:
    exists = "SELECT FROM pg_database WHERE datname = %s"
    try:
        with psycopg.connect(server.url, dbname="postgres", autocommit=True) as connection:
            if connection.execute(exists, [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error as error:
        raise ConfigurationError(
            f"The local PostgreSQL started but refuses to work: {error}",
            f"Run the command again. {cluster.start_afresh}",
        ) from error


@contextmanager
def _locked(directory: Path, notify: Callable[[str], None] | None) -> Iterator[None]:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise ConfigurationError(
            f"The folder of the local PostgreSQL cannot be used: {error}.",
            "Run the command as the owner of that folder, or delete the folder.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if notify is not None:
                notify(f"Another command uses the PostgreSQL in {directory}; waiting for its end.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class RunningStack:
    """What ``make up`` keeps running: its process, and where its servers are."""

    pid: int
    url: str = field(repr=False)


def running_stack(folder: Path = DIRECTORY.parent) -> RunningStack | None:
    """The stack whose files are in ``folder``, if its database answers."""
    try:
        said = json.loads((folder / STACK).read_text(encoding="utf-8"))
        stack = RunningStack(int(said["pid"]), str(said["url"]))
        with psycopg.connect(stack.url, connect_timeout=3):
            return stack
    except (OSError, ValueError, KeyError, TypeError, psycopg.Error):
        return None


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt for SIGTERM and SIGHUP, unless the program handles them itself."""
    ours: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        fatal = (signal.SIGTERM, signal.SIGHUP)
        ours = [number for number in fatal if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _no_libpq_variables() -> Iterator[None]:
    """What the shell says for other servers (PGSERVICE, PGOPTIONS) is not for this one."""
    names = {option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar}
    kept = {name: os.environ.pop(name) for name in names | _FURTHER if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
