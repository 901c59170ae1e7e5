"""PgBouncer: a transaction pooler like RDS Proxy, and a server with TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

PROGRAM = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer."""

    port: int

    def before(self, url: str) -> str:
        """The URL of the same database through the pooler."""
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition(":")[0] + f":{self.port}"
        return urlunsplit(parts._replace(netloc=netloc))


@contextmanager
def running_pooler(folder: Path, server_url: str, **settings: str) -> Iterator[Pooler]:
    """PgBouncer in transaction mode, with two connections to the server for each database.

    It accepts every login. Debian's version does not track prepared statements, so using one fails.
    """
    assert PROGRAM is not None
    server = urlsplit(server_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    common = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": "2",
        "logfile": str(folder / "pgbouncer.log"),
    }
    target = (
        f"host={server.hostname} port={server.port} user={server.username} "
        f"password={server.password}"
    )
    lines = [f"{name} = {value}" for name, value in (common | settings).items()]
    file = folder / "pgbouncer.ini"
    file.write_text("\n".join(["[databases]", f"* = {target}", "[pgbouncer]", *lines]) + "\n")
    command = [PROGRAM, str(file)]
    if os.geteuid() == 0:  # PgBouncer refuses to run as root
        command = ["unshare", "--user", "--map-user=65534", "--map-group=65534", *command]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _await(port, process)
            yield Pooler(port)
        finally:
            process.terminate()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(250):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "PgBouncer did not start"
        time.sleep(0.02)
    message = "PgBouncer does not answer"
    raise TimeoutError(message)
