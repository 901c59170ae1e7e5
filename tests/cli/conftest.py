from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]
CLEAN = {
    key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DATABASE_"))
}


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run ``python -m ingest_fn`` in an empty folder, with no AWS account in sight."""

    def run(
        *arguments: str, module: str = "ingest_fn", **env: str
    ) -> subprocess.CompletedProcess[str]:
        nowhere = {
            "HOME": str(tmp_path),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        }
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", module, *arguments],
            cwd=tmp_path,
            env=CLEAN | nowhere | env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=100,
            check=False,
        )

    return run
