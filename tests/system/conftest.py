from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import PROGRAM as CHROMIUM
from tests.pooler import PROGRAM, Pooler, running_pooler
from tests.postgres import Server

HERE = Path(__file__).parent
PAGE = HERE / "test_page.py"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs a program that is not installed cannot run, and the run says so."""
    here = [item for item in items if item.path.is_relative_to(HERE)]
    of_page = [item for item in here if item.path == PAGE]
    if CHROMIUM is None and of_page:
        _leave_out(config, items, of_page, "Chromium", "of the page", "chromium")
    others = [item for item in here if item.path != PAGE]
    if PROGRAM is None and others:
        what = "of TLS and of a transaction pooler"
        _leave_out(config, items, others, "PgBouncer", what, "pgbouncer")


def _leave_out(  # noqa: PLR0917
    config: pytest.Config,
    items: list[pytest.Item],
    left: list[pytest.Item],
    program: str,
    what: str,
    package: str,
) -> None:
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=left)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(
            f"{program} is not installed: {len(left)} tests {what} do not run. "
            f"Install it: apt-get install {package}"
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A machine without a program has been told so; that nothing was left to run is no failure."""
    missing = PROGRAM is None or CHROMIUM is None
    if missing and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
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
