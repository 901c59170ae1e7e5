from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest_fn import app
from ingest_fn.local.aws import LocalAws, local_aws
from ingest_fn.telemetry import SERVICE
from tests.command_line import Cli, command_line
from tests.postgres import Server, running_server

Handler = Callable[[Any, Any], dict[str, Any]]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database_url(postgres: Server) -> Iterator[str]:
    """A migrated database that no other test sees."""
    with postgres.fresh_database() as url:
        yield url


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    """An empty AWS emulator, and an environment that points botocore at it."""
    with local_aws("eu-central-1") as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run a command in an empty folder."""
    return command_line(tmp_path)


@pytest.fixture
def cold_handler() -> Iterator[Handler]:
    """The handler as in a new environment: nothing is connected and nothing is cached."""
    app.ingester.cache_clear()
    # A logger keeps the stdout that it was made with, and each test has its own.
    logging.Logger.manager.loggerDict.pop(SERVICE, None)
    yield app.lambda_handler
    if app.ingester.cache_info().currsize:
        app.ingester().close()
    app.ingester.cache_clear()


PLANTED = re.compile(r"marker-[a-z]+-[0-9a-z-]+|marker-(?:password|aws-secret|session-token)")
"""What the tests plant wherever a secret can stand."""

_shown: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Search all that a test let anybody see: its output and its log, whether it passed or not."""
    text = "\n".join(content for name, content in report.sections if name.startswith("Captured"))
    if found := PLANTED.search(text):
        _shown.append(f"{report.nodeid} shows {found[0]}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A secret in any output fails the whole run."""
    if _shown:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the tests that showed one."""
    for line in _shown:
        terminalreporter.write_line(f"SECRET: {line}")
