"""The built artifact under AWS's own runtime, without Docker.

``aws-lambda-rie`` is the emulator that AWS ships in its Lambda images (here from the wheel of
aws-sam-cli) and ``awslambdaric`` the runtime client that runs there. The interpreter is the
function's own version of Python where this machine has one; else the layers are built for the one
that runs the tests, which the first line of the build says.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers.bytecode import interpreter

ROOT = Path(__file__).parent.parent
SAM = ROOT / ".venv-sam"
RUNTIME = "3.13"
EMULATOR = f"aws-lambda-rie-{'x86_64' if platform.machine() == 'x86_64' else 'arm64'}"
_INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")


@dataclass(frozen=True)
class Artifact:
    """A finished build: its folder, the interpreter to run it with, and the runtime client."""

    folder: Path
    python: str
    version: str
    client: Path
    said: str

    def path_of(self, *layers: str) -> list[Path]:
        """The path that Lambda makes of these layers."""
        return [self.folder / layer / "python" for layer in layers]


def build(folder: Path, checkout: Path = ROOT, **env: str) -> str:
    """``sam build`` of ``checkout`` into ``folder``, and what it said."""
    done = subprocess.run(
        [SAM / "bin" / "sam", "build", "--build-dir", folder, "--no-cached"],
        cwd=checkout,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def built(folder: Path) -> Artifact:
    """The artifact, and an interpreter with the runtime client to run it."""
    python = interpreter(RUNTIME)
    version = RUNTIME if python else f"{sys.version_info.major}.{sys.version_info.minor}"
    said = build(folder / "build", PYTHON_VERSION=version)
    client = folder / "client"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:"),
            f"--python-version={version}",
            f"--target={client}",
            f"--requirement={ROOT / 'requirements' / 'lambda-runtime.txt'}",
        ],
        check=True,
    )
    return Artifact(folder / "build", python or sys.executable, version, client, said)


@functools.cache
def session_build() -> Artifact:
    """The one build that all tests of a session look at: template, code and layers."""
    folder = Path(tempfile.mkdtemp(prefix="hourmeter-build-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return built(folder)


@dataclass(frozen=True)
class Lambda:
    """A function under the emulator. It takes one event at a time."""

    url: str
    log_file: Path

    def invoke(self, event: object) -> dict[str, Any]:
        """The function's answer. If it raises, the answer has ``errorMessage``."""
        request = urllib.request.Request(self.url, json.dumps(event).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            said: dict[str, Any] = json.loads(answer.read())
            return said

    def log(self) -> list[dict[str, Any]]:
        """The JSON lines of the log, as CloudWatch Logs would get them."""
        lines = self.log_file.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def init_ms(self) -> float:
        """Milliseconds of the init phase. The figure in the REPORT line means nothing here."""
        found = _INIT.search(self.log_file.read_text())
        assert found, self.log_file.read_text()
        return float(found[1])


@contextmanager
def running(
    artifact: Artifact,
    log_file: Path,
    env: Mapping[str, str],
    *,
    handler: str = "ingest_fn.app.lambda_handler",
    path: list[Path] | None = None,
    timeout: int = 60,
) -> Iterator[Lambda]:
    """A cold function; ``path`` is its interpreter's, with what is /var/task in front.

    ``timeout`` is the function's, in seconds.
    """
    if path is None:
        path = [artifact.folder / "IngestFunction", *artifact.path_of("DependencyLayer")]
    front, back = _free_port(), _free_port()
    (emulator,) = SAM.glob(f"lib/python*/site-packages/samcli/local/rapid/{EMULATOR}")
    emulator.chmod(0o755)
    command = [str(emulator), "--log-level", "info"]
    command += ["--runtime-interface-emulator-address", f"127.0.0.1:{front}"]
    command += ["--runtime-api-address", f"127.0.0.1:{back}"]
    command += [artifact.python, "-m", "awslambdaric", handler]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, [*path, artifact.client])),
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task and /opt are read-only
        "AWS_LAMBDA_FUNCTION_NAME": "ingest",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        **env,
    }
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=path[0], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _await(front)
            yield Lambda(
                f"http://127.0.0.1:{front}/2015-03-31/functions/function/invocations", log_file
            )
        finally:
            process.terminate()
            process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    message = f"nothing listens on port {port}"
    raise TimeoutError(message)
