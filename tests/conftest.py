from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest_fn.local.aws import LocalAws, local_aws
from tests.postgres import Server, running_server


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
