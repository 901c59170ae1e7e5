"""Build a Lambda layer: ``python3 -m layers.build layer dependencies|migration DIRECTORY``.

And compile a function's code: ``python3 -m layers.build compile DIRECTORY``.

Runs on any Python from 3.9 on, on any machine, without Docker: pip fetches finished wheels for
Lambda's platform. SAM does not say which architecture a layer is for, so by default the layer
serves both: compiled modules carry their platform in the file name and lie side by side.

ARCH=arm64 or ARCH=x86_64 limits it to one. PYTHON_VERSION is the runtime's, 3.13 by default.
RDS_CA_BUNDLE names a bundle to take instead of those in ``layers/rds-ca``, LAMBDA_PYTHON an
interpreter of the runtime's version where none is found.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from layers.bytecode import compiled
from layers.wheels import MACHINES, install, merge, prune, refuse_foreign

VERSION = os.environ.get("PYTHON_VERSION") or "3.13"
HERE = Path(__file__).resolve().parent
BEGIN = "-----BEGIN CERTIFICATE-----"
MAX_MEGABYTES = 120
"""Half of the 250 MB that a function may have with all its layers."""


def layer(name: str, directory: str) -> None:
    """Build the layer ``name`` into ``directory``."""
    target = Path(directory)
    python = target / "python"
    architectures = asked_architectures()
    if name == "dependencies":  # before anything slow, as a person may have named it
        target.mkdir(parents=True, exist_ok=True)
        (target / "rds-ca-bundle.pem").write_text(ca_bundle())
    for architecture in architectures:
        with tempfile.TemporaryDirectory() as folder:
            install(HERE / name / "requirements.txt", Path(folder), architecture, VERSION)
            prune(Path(folder))
            refuse_foreign(Path(folder), architecture, VERSION)
            merge(Path(folder), python)
    said = compiled(python, "/opt/python", VERSION)
    print(f"{name} layer for {' and '.join(architectures)}: {size(target)}; {said}")


def compile_function(directory: str) -> None:
    """Compile a function's code."""
    print(compiled(Path(directory), "/var/task", VERSION))


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


def ca_bundle() -> str:
    """The certificates that RDS servers are signed with, which verify-full is checked against."""
    given = os.environ.get("RDS_CA_BUNDLE")
    files = [Path(given)] if given else sorted((HERE / "rds-ca").glob("*.pem"))
    try:
        bundle = "".join(path.read_text(encoding="ascii") for path in files)
    except (OSError, ValueError) as error:
        sys.exit(f"Cannot read RDS_CA_BUNDLE, {given}: {error}. It takes a file of certificates.")
    if BEGIN not in bundle:
        sys.exit(f"RDS_CA_BUNDLE, {given}, is no bundle of certificates in PEM form.")
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


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {"layer": layer, "compile": compile_function}
    commands[sys.argv[1]](*sys.argv[2:])
