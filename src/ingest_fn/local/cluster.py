"""One folder of PostgreSQL data: make it, start its server, stop it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from shlex import quote

from ingest_fn.errors import ConfigurationError
from ingest_fn.local.programs import Identity, Programs

USER = "postgres"
ADDRESS = "127.0.0.1"

_SETTINGS = (f"listen_addresses={ADDRESS}", "unix_socket_directories=", "timezone=UTC")
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_PORTS_TO_TRY = 3
_LOG_LINES = 10


class Cluster:
    """The data in ``directory``. The caller must hold its lock."""

    def __init__(self, directory: Path, programs: Programs, *, durable: bool) -> None:
        self.password_file = directory / "password"
        self.start_afresh = f"To start afresh, delete the folder: rm -r {quote(str(directory))}"
        self._directory = directory
        self._data = directory / "data"
        self._log = directory / "server.log"
        self._programs = programs
        self._durable = durable

    @property
    def password(self) -> str:
        """The superuser's password. Raises ConfigurationError if its file is gone."""
        try:
            return self.password_file.read_text().splitlines()[0]
        except (OSError, IndexError) as error:
            raise ConfigurationError(
                f"The password of the local PostgreSQL cannot be read from {self.password_file}.",
                self.start_afresh,
            ) from error

    def ensure_data(self) -> None:
        """Make the data if missing. Raises ConfigurationError if another version made them."""
        if not self._data.exists():
            self._create_data()
        file = self._data / "PG_VERSION"
        version = file.read_text().strip() if file.exists() else "an unknown version"
        if version != str(self._programs.major):
            raise ConfigurationError(
                f"The data in {self._directory} are of PostgreSQL {version}, "
                f"but the programs here are of PostgreSQL {self._programs.major}.",
                self.start_afresh,
            )

    def _create_data(self) -> None:
        """Make the data under another name, then rename them: half of them is never used."""
        unfinished = self._directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._write_password(secrets.token_hex(16))
        run = self._programs.run(
            "initdb",
            *("--pgdata", unfinished, "--username", USER, "--pwfile", self.password_file),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *(() if self._durable else ("--no-sync",)),
        )
        if run.returncode != 0:
            raise ConfigurationError(
                f"PostgreSQL could not make its data folder:\n{_tail(run.stdout)}",
                f"Check that the disk has room. {self.start_afresh}",
            )
        unfinished.rename(self._data)

    def _write_password(self, password: str) -> None:
        """Write two lines: initdb reads only the first, and libpq's ``passfile`` skips it."""
        self.password_file.unlink(missing_ok=True)
        self.password_file.touch(mode=0o600, exist_ok=False)
        self.password_file.write_text(f"{password}\n{ADDRESS}:*:*:{USER}:{password}\n")
        if user := self._programs.identity.user:
            os.chown(self.password_file, *user)

    def start(self, port: int | None = None) -> int:
        """Start the server on ``port``, or a free one. Returns its port.

        One that a killed process left running is used, if its port is right.
        """
        used = self._port_in_use()
        if used is not None and port not in {None, used}:
            self.stop()
            used = None
        return used or self._start(port)

    def _port_in_use(self) -> int | None:
        if self._control("status").returncode != 0:
            return None
        file = self._data / "postmaster.pid"
        pid, _, _, port, *_ = file.read_text().splitlines()
        if not _serves(pid, self._data):
            file.unlink()
            return None
        return int(port)

    def _start(self, wanted: int | None) -> int:
        log = ""
        for _ in range(_PORTS_TO_TRY if wanted is None else 1):
            port = wanted or _free_port()
            settings = (*_SETTINGS, f"port={port}", *(() if self._durable else _NOT_DURABLE))
            self._log.unlink(missing_ok=True)
            options = " ".join(f"-c {setting}" for setting in settings)
            run = self._control("start", "--log", self._log, "--options", options)
            if run.returncode == 0:
                return port
            log = self._log.read_text() if self._log.exists() else run.stdout
            if "Address already in use" not in log:
                break
        raise ConfigurationError(
            f"The local PostgreSQL did not start:\n{_tail(log)}",
            f"The whole log is {self._log}. {self.start_afresh}",
        )

    def stop(self) -> None:
        """Stop the server and its sessions. Does nothing if no server runs."""
        if self._control("stop", "--mode", "fast").returncode != 0:
            self._control("stop", "--mode", "immediate")

    def _control(self, action: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self._programs.run("pg_ctl", action, "--pgdata", self._data, *arguments)


def _serves(pid: str, data: Path) -> bool:
    """Whether the process is the server of ``data``. After a crash, another may have its pid."""
    try:
        return Path("/proc", pid, "cwd").samefile(data)
    except PermissionError:
        return True
    except FileNotFoundError:
        # The process is dead, or this is macOS.
        return str(data) in Identity().run("sh", "-c", 'ps -ww -o args= -p "$0"', pid).stdout


def _free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LOG_LINES:])
