"""What a layer is made of: wheels for Lambda's platform, and only what is imported of them."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

MACHINES = {"arm64": ("aarch64", 183), "x86_64": ("x86_64", 62)}
"""Architecture: its name in wheel tags and its number in an ELF header (e_machine)."""

GLIBC = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""Platforms that run on Amazon Linux 2023, which has glibc 2.34."""

SERVICES = ("cloudwatch", "ec2", "lambda", "secretsmanager", "ssm", "sts")
"""The services that the code asks; botocore has four hundred."""

UNUSED = (
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "bin",
    "boto3/examples",
    "boto3/data",
    "botocore/data/*/*/examples-1.json",
    "sqlalchemy/testing",
    "sqlalchemy/**/*.so",  # as markupsafe's: the same in Python is fast enough for a migration
    "markupsafe/*.so",
    "sqlalchemy/dialects/m*",
    "sqlalchemy/dialects/oracle",
    "sqlalchemy/dialects/sqlite",
    "alembic/testing",
    "alembic/templates",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
)

HABITS = ("PYTHONPATH", "PIP_PREFIX", "PIP_TARGET", "PIP_ROOT")
"""Variables of a person's own that do not go with --target."""

OURS = {
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_USER": "0",
    "PIP_REQUIRE_VIRTUALENV": "0",
    # The lock is complete, with hashes. An empty file overrides pip's configuration too.
    "PIP_CONSTRAINT": os.devnull,
}


def install(requirements: Path, folder: Path, architecture: str, version: str) -> None:
    """Unpack the wheels of the lock. pip checks every hash and fails where no wheel fits."""
    wheel_name, _ = MACHINES[architecture]
    platforms = [f"--platform={glibc}_{wheel_name}" for glibc in GLIBC]
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += [
        "--no-input",
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
        "--require-hashes",
        "--prefix=",
    ]
    command += ["--implementation=cp", f"--python-version={version}", *platforms]
    command += [f"--target={folder}", f"--requirement={requirements}"]
    environment = {**os.environ, **OURS}
    for name in HABITS:
        environment.pop(name, None)
    if subprocess.run(command, env=environment, check=False).returncode:
        sys.exit(
            f"pip of {sys.executable} could not fetch the wheels of {requirements.name} for "
            f"{architecture} and Python {version}; its own message stands above. If that Python "
            "has no pip, name one that has: PYTHON=python3.13"
        )


def prune(folder: Path) -> None:
    """Leave out what is never imported. Of the metadata only what says the version stays."""
    for pattern in UNUSED:
        for path in list(folder.glob(pattern)):
            remove(path)
    for path in folder.glob("botocore/data/*"):
        if path.is_dir() and path.name not in SERVICES:
            remove(path)
    for service in SERVICES:  # of whose API versions botocore takes the newest
        for path in sorted(folder.glob(f"botocore/data/{service}/*"))[:-1]:
            remove(path)
    for path in folder.glob("*.dist-info/*"):
        if path.name != "METADATA":
            remove(path)


def remove(path: Path) -> None:
    """A file or a whole folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def merge(folder: Path, python: Path) -> None:
    """Add one architecture's files. What both have must be the same, or one would win silently."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        kept = python / path.relative_to(folder)
        if kept.exists() and not filecmp.cmp(path, kept, shallow=False):
            sys.exit(f"{path.relative_to(folder)} differs between architectures; build with ARCH.")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, kept)


def refuse_foreign(folder: Path, architecture: str, version: str) -> None:
    """Compiled modules must be for this machine and this Python, or they fail in Lambda first."""
    tag = f".cpython-{version.replace('.', '')}-"
    for path in sorted(folder.rglob("*.so*")):
        head = path.read_bytes()[:20]
        built_for = int.from_bytes(head[18:], "little") if head.startswith(b"\x7fELF") else None
        if built_for != MACHINES[architecture][1] or (
            ".cpython-" in path.name and tag not in path.name
        ):
            sys.exit(
                f"{path.relative_to(folder)} is not compiled for {architecture} and Python "
                f"{version}. Empty pip's cache ({sys.executable} -m pip cache purge) and build "
                "again; if it stays, the wheel itself is wrong: pin another version."
            )
