"""Byte-code of the runtime's own Python, or none: docs/decisions/0010-byte-code.md says why."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def compiled(folder: Path, prefix: str, version: str) -> str:
    """Compile all modules of ``folder``, and say so in half a sentence.

    A Lambda's folders are read-only: without .pyc files each cold start compiles every module
    again, which is most of its time. They are not checked against their sources, which nobody
    changes there. ``prefix`` is where the folder will be, for tracebacks.
    """
    python = interpreter(version)
    if python is None:
        return (
            f"not precompiled, for want of a Python {version}: cold starts take twice as long "
            "(install one, or name one by LAMBDA_PYTHON)"
        )
    command = [python, "-I", "-m", "compileall", "-q", "-j0", "--invalidation-mode=unchecked-hash"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([*command, "-s", folder, "-p", prefix, folder], env=environment, check=True)
    return f"precompiled by Python {version}"


def interpreter(version: str) -> str | None:
    """A Python of this version, wherever pyenv, uv or the system keeps it."""
    for path in candidates(version):
        try:
            said = subprocess.run(
                [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
        except OSError:
            continue
        if said.strip() == version:
            return path
    return None


def candidates(version: str) -> Iterator[str]:
    """Where one may be."""
    if os.environ.get("LAMBDA_PYTHON"):
        yield os.environ["LAMBDA_PYTHON"]
    yield sys.executable
    yield f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    for place, pattern in ((pyenv, f"{version}.*"), (uv, f"cpython-{version}.*")):
        try:
            found = sorted(place.glob(pattern))
        except OSError:  # another user's
            continue
        for one in found:
            yield str(one / "bin" / "python3")
