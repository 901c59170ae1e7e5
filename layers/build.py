"""Build a Lambda layer: ``python3 build.py layer dependencies|migration DIRECTORY``.

And compile a function's code: ``python3 build.py compile DIRECTORY``.

Runs on any Python from 3.9 on, on any machine, without Docker: pip fetches finished wheels for
Lambda's platform. SAM does not say which architecture a layer is for, so by default the layer
serves both: compiled modules carry their platform in the file name and stand side by side.

ARCH=arm64 or ARCH=x86_64 limits it to one. PYTHON_VERSION is the runtime's, 3.13 by default.
RDS_CA_BUNDLE names a copy of Amazon's bundle for builds without a way to the internet,
LAMBDA_PYTHON an interpreter of the runtime's version where none is found.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

VERSION = os.environ.get("PYTHON_VERSION") or "3.13"
HERE = Path(__file__).resolve().parent
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

CA_BUNDLE = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
MAX_MEGABYTES = 120
"""Half of the 250 MB that a function may have with all its layers."""


def layer(name: str, directory: str) -> None:
    """Build the layer ``name`` into ``directory``."""
    target = Path(directory)
    python = target / "python"
    architectures = asked_architectures()
    if name == "dependencies":  # before anything slow, as it may not be within reach
        target.mkdir(parents=True, exist_ok=True)
        (target / "rds-ca-bundle.pem").write_bytes(ca_bundle())
    for architecture in architectures:
        with tempfile.TemporaryDirectory() as folder:
            install(HERE / name / "requirements.txt", Path(folder), architecture)
            prune(Path(folder))
            refuse_foreign(Path(folder), architecture)
            merge(Path(folder), python)
    said = compiled(python, "/opt/python")
    print(f"{name} layer for {' and '.join(architectures)}: {size(target)}; {said}")


def compile_function(directory: str) -> None:
    """Compile a function's code."""
    print(compiled(Path(directory), "/var/task"))


def asked_architectures() -> list[str]:
    """The architectures to build for: that of ARCH, or both."""
    asked = os.environ.get("ARCH")
    if not asked:
        return list(MACHINES)
    if asked not in MACHINES:
        sys.exit(
            f"ARCH is {asked!r}. It takes {' or '.join(MACHINES)}; without it, both are built."
        )
    return [asked]


def install(requirements: Path, folder: Path, architecture: str) -> None:
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
    ]
    command += ["--implementation=cp", f"--python-version={VERSION}", *platforms]
    command += [f"--target={folder}", f"--requirement={requirements}"]
    # A person's habits that do not go with --target, be they variables or in pip's configuration.
    ours = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    environment = {**os.environ, **ours}
    environment.pop("PYTHONPATH", None)
    if subprocess.run(command, env=environment, check=False).returncode:
        sys.exit(
            f"pip of {sys.executable} could not fetch the wheels of {requirements.name} for "
            f"{architecture} and Python {VERSION}; its own message stands above. If that Python "
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


def refuse_foreign(folder: Path, architecture: str) -> None:
    """Compiled modules must be for this machine and this Python, or they fail in Lambda first."""
    tag = f".cpython-{VERSION.replace('.', '')}-"
    for path in sorted(folder.rglob("*.so*")):
        head = path.read_bytes()[:20]
        built_for = int.from_bytes(head[18:], "little") if head.startswith(b"\x7fELF") else None
        if built_for != MACHINES[architecture][1] or (
            ".cpython-" in path.name and tag not in path.name
        ):
            sys.exit(
                f"{path.relative_to(folder)} is not compiled for {architecture} and Python "
                f"{VERSION}. Empty pip's cache ({sys.executable} -m pip cache purge) and build "
                "again; if it stays, the wheel itself is wrong: pin another version."
            )


def ca_bundle() -> bytes:
    """The certificates that RDS servers are signed with, which verify-full is checked against."""
    copy = os.environ.get("RDS_CA_BUNDLE")
    try:
        if copy:
            bundle = Path(copy).read_bytes()
        else:
            with urllib.request.urlopen(CA_BUNDLE, timeout=30) as answer:
                bundle = answer.read()
    except OSError as error:
        sys.exit(
            f"Cannot read RDS's CA bundle, {copy or CA_BUNDLE}: {error}.\n"
            "Without a way to it, give a copy: RDS_CA_BUNDLE=/path/to/global-bundle.pem"
        )
    if not bundle.lstrip().startswith(b"-----BEGIN CERTIFICATE-----"):
        sys.exit(f"{copy or CA_BUNDLE} is no bundle of certificates in PEM form.")
    return bundle


def size(target: Path) -> str:
    """The layer's size as Lambda counts it, unzipped and zipped; refused where it is absurd."""
    files = [path for path in target.rglob("*") if path.is_file()]
    unzipped = sum(path.stat().st_size for path in files) / 1e6
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(target))
        zipped = packed.tell() / 1e6
    if unzipped > MAX_MEGABYTES:
        sys.exit(
            f"The layer has {unzipped:.0f} MB unzipped; more than {MAX_MEGABYTES} is a mistake."
        )
    return f"{unzipped:.1f} MB unzipped, {zipped:.1f} MB zipped"


def compiled(folder: Path, prefix: str) -> str:
    """Compile all modules of ``folder``, and say so in half a sentence.

    A Lambda's folders are read-only: without .pyc files each cold start compiles every module
    again, which is most of its time. They are not checked against their sources, which nobody
    changes there. ``prefix`` is where the folder will be, for tracebacks.
    """
    python = interpreter(VERSION)
    if python is None:
        return (
            f"not precompiled, for want of a Python {VERSION}: cold starts take twice as long "
            "(install one, or name one by LAMBDA_PYTHON)"
        )
    command = [python, "-I", "-m", "compileall", "-q", "-j0", "--invalidation-mode=unchecked-hash"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([*command, "-s", folder, "-p", prefix, folder], env=environment, check=True)
    return f"precompiled by Python {VERSION}"


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
    for found in (*pyenv.glob(f"{version}.*"), *uv.glob(f"cpython-{version}.*")):
        yield str(found / "bin" / "python3")


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {"layer": layer, "compile": compile_function}
    commands[sys.argv[1]](*sys.argv[2:])
