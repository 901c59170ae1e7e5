"""A real PostgreSQL server for laptops and tests: nothing to install, nothing left running."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from ingest_fn.errors import ConfigurationError
from ingest_fn.local.programs import Programs, find_programs

DIRECTORY = Path(".local/postgres")
DATABASE = "ingest"

_USER = "postgres"
_ADDRESS = "127.0.0.1"
_SETTINGS = (f"listen_addresses={_ADDRESS}", "unix_socket_directories=", "timezone=UTC")
_FAST_AND_LOOSE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_PORTS_TO_TRY = 3
_LOG_LINES = 10


@dataclass(frozen=True, slots=True)
class LocalPostgres:
    """A running server: ``url`` is libpq's, password included; ``bindir`` holds its programs."""

    url: str = field(repr=False)
    bindir: Path
    _url_without_password: str

    def psql(self, *arguments: str) -> list[str]:
        """The command line of a ``psql`` on the database. It names the password's file only."""
        return [str(self.bindir / "psql"), self._url_without_password, *arguments]


@contextmanager
def local_postgres(
    directory: Path = DIRECTORY,
    *,
    durable: bool = True,
    notify: Callable[[str], None] | None = None,
) -> Iterator[LocalPostgres]:
    """A server for the block, with its data, password (0600) and log in ``directory``.

    It listens on 127.0.0.1 alone, on a free port. One that a killed process left is taken over.
    Whoever comes second waits for the first to end, and ``notify`` is told. SIGTERM and SIGHUP end
    the block as Ctrl-C does. Without ``durable`` a crash may cost the data, and tests are faster.
    Raises ConfigurationError.
    """
    directory = directory.absolute()
    with _signals_as_interrupts(), _locked(directory, notify):
        cluster = _Cluster(directory, find_programs(directory))
        cluster.ensure_data()
        try:
            yield cluster.start(_SETTINGS if durable else _SETTINGS + _FAST_AND_LOOSE)
        finally:
            cluster.stop()


class _Cluster:
    """One data folder and what can be done with it, by whoever holds the lock."""

    def __init__(self, directory: Path, programs: Programs) -> None:
        self._directory = directory
        self._data = directory / "data"
        self._password = directory / "password"
        self._log = directory / "server.log"
        self._programs = programs
        self._start_afresh = f"To start afresh, delete the folder: rm -r {directory}"

    def ensure_data(self) -> None:
        """Make the data unless they are there, whole or not at all."""
        if not self._data.exists():
            self._create_data()
        version = (self._data / "PG_VERSION").read_text().strip()
        if version != str(self._programs.major):
            raise ConfigurationError(
                f"The data in {self._directory} are of PostgreSQL {version}, "
                f"but the programs are of {self._programs.major}.",
                self._start_afresh,
            )

    def _create_data(self) -> None:
        unfinished = self._directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._write_password(secrets.token_hex(16))
        run = self._programs.run(
            "initdb",
            *("--pgdata", unfinished, "--username", _USER, "--pwfile", self._password),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
        )
        if run.returncode != 0:
            raise ConfigurationError(
                f"PostgreSQL could not make its data folder:\n{_tail(run.stdout)}",
                f"Check that there is room on the disk. {self._start_afresh}",
            )
        unfinished.rename(self._data)

    def _write_password(self, password: str) -> None:
        """The first line is for initdb, the second for libpq, which skips the first."""
        self._password.unlink(missing_ok=True)
        descriptor = os.open(self._password, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "w") as file:
            file.write(f"{password}\n{_ADDRESS}:*:*:{_USER}:{password}\n")
        owner = self._directory.stat()
        os.chown(self._password, owner.st_uid, owner.st_gid)

    def start(self, settings: tuple[str, ...]) -> LocalPostgres:
        """The server, started or taken over."""
        port = self._port_in_use() or self._start(settings)
        where = f"{_ADDRESS}:{port}/{DATABASE}?sslmode=disable"
        password = self._password.read_text().splitlines()[0]
        server = LocalPostgres(
            f"postgresql://{_USER}:{password}@{where}",
            self._programs.bindir,
            f"postgresql://{_USER}@{where}&passfile={quote(str(self._password))}",
        )
        self._ensure_database(server)
        return server

    def _port_in_use(self) -> int | None:
        """The port of the server that already runs on the data, if one does."""
        if self._control("status").returncode != 0:
            return None
        file = self._data / "postmaster.pid"
        pid, _, _, port, *_ = file.read_text().splitlines()
        if _works_elsewhere(int(pid), self._data):
            file.unlink()
            return None
        return int(port)

    def _start(self, settings: tuple[str, ...]) -> int:
        for _ in range(_PORTS_TO_TRY):
            port = _free_port()
            self._log.unlink(missing_ok=True)
            options = " ".join(f"-c {setting}" for setting in (*settings, f"port={port}"))
            run = self._control("start", "--log", self._log, "--options", options)
            if run.returncode == 0:
                return port
            said = self._log.read_text() if self._log.exists() else run.stdout
            if "Address already in use" not in said:
                break
        raise ConfigurationError(
            f"The local PostgreSQL did not start:\n{_tail(said)}",
            f"Its whole log is {self._log}. {self._start_afresh}",
        )

    def _ensure_database(self, server: LocalPostgres) -> None:
        exists = "SELECT FROM pg_database WHERE datname = %s"
        try:
            with psycopg.connect(server.url, dbname="postgres", autocommit=True) as connection:
                if connection.execute(exists, [DATABASE]).fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.Error as error:
            raise ConfigurationError(
                f"The local PostgreSQL in {self._directory} does not answer: {error}".rstrip(),
                f"Run the command again. {self._start_afresh}",
            ) from error

    def stop(self) -> None:
        """End the server and its sessions; nothing happens if none runs."""
        if self._control("stop", "--mode=fast").returncode != 0:
            self._control("stop", "--mode=immediate")

    def _control(self, action: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self._programs.run("pg_ctl", action, "--pgdata", self._data, *arguments)


@contextmanager
def _locked(directory: Path, notify: Callable[[str], None] | None) -> Iterator[None]:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (directory / "lock").open("w")
    except OSError as error:
        raise ConfigurationError(
            f"The folder for the local PostgreSQL cannot be used: {error}.",
            "Run the command as the user who owns that folder, or delete the folder.",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if notify is not None:
                notify(f"Another command uses the PostgreSQL in {directory}; waiting for its end.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Let SIGTERM and a closed terminal raise KeyboardInterrupt, unless somebody handles them."""
    unhandled: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        both = (signal.SIGTERM, signal.SIGHUP)
        unhandled = [number for number in both if signal.getsignal(number) is signal.SIG_DFL]
    for number in unhandled:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in unhandled:
            signal.signal(number, signal.SIG_DFL)


def _works_elsewhere(pid: int, data: Path) -> bool:
    """Whether ``pid`` has become another program's since a crash; a server works in its data."""
    try:
        return not Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((_ADDRESS, 0))
        port: int = listener.getsockname()[1]
        return port


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LOG_LINES:])
