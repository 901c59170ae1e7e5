from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pooler import PROGRAM, Pooler, running_pooler
from tests.postgres import Server

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without PgBouncer the tests here cannot run, and the run says so."""
    here = [item for item in items if item.path.is_relative_to(HERE)]
    if PROGRAM is not None or not here:
        return
    items[:] = [item for item in items if item not in here]
    config.hook.pytest_deselected(items=here)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(
            f"PgBouncer is not installed: {len(here)} tests of TLS and of a transaction pooler do "
            "not run. Install it: apt-get install pgbouncer"
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A machine without PgBouncer has been told so; that nothing was left to run is no failure."""
    if PROGRAM is None and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(scope="session")
def pooler(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooler]:
    with running_pooler(tmp_path_factory.mktemp("pooler"), postgres.url_of("postgres")) as found:
        yield found


@pytest.fixture
def database_url(postgres: Server, pooler: Pooler) -> Iterator[str]:
    """A migrated database of the test's own, by way of the pooler."""
    with postgres.fresh_database() as url:
        yield pooler.before(url)
