from __future__ import annotations

import logging
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
