"""The command line, run as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Cli = Callable[..., subprocess.CompletedProcess[str]]
CLEAN = {
    key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DATABASE_"))
}


def command_line(folder: Path) -> Cli:
    """A function that runs ``python -m ingest_fn`` in ``folder``, without any AWS account."""
    nowhere = {
        "HOME": str(folder),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
    }

    def run(
        *arguments: str, module: str = "ingest_fn", **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", module, *arguments],
            cwd=folder,
            env=CLEAN | nowhere | env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=100,
            check=False,
        )

    return run
