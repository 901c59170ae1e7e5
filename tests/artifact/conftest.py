from __future__ import annotations

import pytest

from tests.lambda_runtime import Artifact, built


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """One ``sam build`` for all tests."""
    return built(tmp_path_factory.mktemp("artifact"))
