from __future__ import annotations

import platform
from pathlib import Path

import pytest

from tests.lambda_runtime import Artifact, session_build

RUNTIME_TESTS = Path(__file__).parent / "test_runtime.py"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """AWS's emulator is a Linux program; elsewhere the run says what it leaves out."""
    here = [item for item in items if item.path == RUNTIME_TESTS]
    if platform.system() == "Linux" or not here:
        return
    items[:] = [item for item in items if item not in here]
    config.hook.pytest_deselected(items=here)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(
            f"AWS's runtime emulator needs Linux: {len(here)} tests that run the artifact do not "
            "run here. Run them in a Linux machine or container: make test"
        )


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    """One ``sam build`` for all tests."""
    return session_build()
