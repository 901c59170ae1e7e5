"""Cold start of the built function under AWS's runtime emulator, compared with a plain package.

``python -m benchmarks.cold_start`` (after ``make .venv-sam/.ready``). The plain package has the
same libraries without .pyc files, imports all of them and makes both clients when its module is
imported. /var/task and /opt are read-only in Lambda, so compiled modules cannot be kept there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.harness import table
from tests.lambda_runtime import ROOT, Artifact, built, running

ROUNDS = 7
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://benchmark@127.0.0.1:1/none",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "POWERTOOLS_METRICS_NAMESPACE": "benchmark",
    "POWERTOOLS_SERVICE_NAME": "benchmark",
}
OBVIOUS = """
import json
import os

import boto3
import psycopg
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities import parameters

logger = Logger()
metrics = Metrics()
cloudwatch = boto3.client("cloudwatch")
ssm = boto3.client("ssm")


def lambda_handler(event, context):
    return {}
"""


def plain_package(folder: Path, artifact: Artifact) -> list[Path]:
    """The plain handler next to its libraries, as ``pip install --target`` leaves them."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"),
            *("--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:"),
            f"--python-version={artifact.version}",
            f"--target={folder}",
            f"--requirement={ROOT / 'layers' / 'dependencies' / 'requirements.txt'}",
        ],
        check=True,
    )
    (folder / "obvious.py").write_text(OBVIOUS)
    return [folder]


def without_bytecode(folder: Path, path: list[Path]) -> list[Path]:
    """Copies of the folders without their .pyc files."""
    copies = []
    for number, source in enumerate(path):
        copy = folder / str(number)
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        copies.append(copy)
    return copies


def cold_start(
    artifact: Artifact, path: list[Path], handler: str, folder: Path
) -> tuple[float, float]:
    """Milliseconds of the init phase, and until the first answer, which refuses the event."""
    with running(artifact, folder / "log", ENVIRONMENT, handler=handler, path=path) as function:
        begun = time.perf_counter()
        function.invoke({"cold": "start"})
        return function.init_ms(), (time.perf_counter() - begun) * 1e3


def results() -> str:
    """Measure the ways in turn, several times, and return a table of their medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artifact = built(folder)
        own = [artifact.folder / "IngestFunction", *artifact.path_of("DependencyLayer")]
        ours, obvious = "ingest_fn.app.lambda_handler", "obvious.lambda_handler"
        ways = {
            "obvious imports, plain package": (plain_package(folder / "plain", artifact), obvious),
            "this function, not precompiled": (without_bytecode(folder / "bare", own), ours),
            "this function, as built": (own, ours),
        }
        measured: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, (path, handler) in ways.items():
                measured[way].append(cold_start(artifact, path, handler, folder))
    medians = {
        way: [median(times) for times in zip(*rounds, strict=True)]
        for way, rounds in measured.items()
    }
    init, answer = next(iter(medians.values()))
    return table(
        "cold start|init, ms|of the obvious|until the first answer, ms|of the obvious",
        *(
            f"{way}|{first:.0f}|{first / init:.2f}|{then:.0f}|{then / answer:.2f}"
            for way, (first, then) in medians.items()
        ),
    )


if __name__ == "__main__":
    print(results())
