"""What a schema library would add to a cold start: msgspec and pydantic, with a model of an event.

``python -m benchmarks.schema_library`` (after ``make .venv-sam/.ready``; installs both libraries
into a temporary folder). The model has the keys of an event; the handler is the function's own.
docs/decisions/0005-no-schema-library.md keeps the figures.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.cold_start import ROUNDS, cold_start
from benchmarks.harness import table
from tests.lambda_runtime import Artifact, built

FIELDS = """
    scheduled_time: datetime | None = None
    instance_ids: list[str] | None = None
    target: dict[str, object] | None = None
    lookback_hours: int = 24
    start: datetime | None = None
    end: datetime | None = None
    dry_run: bool = False
"""
HEAD = "from datetime import datetime\n"
TAIL = "\n\nfrom ingest_fn.app import lambda_handler\n"
MODELS = {
    "none": "",
    "msgspec": f"import msgspec\n\n\nclass Event(msgspec.Struct):{FIELDS}",
    "pydantic": f"import pydantic\n\n\nclass Event(pydantic.BaseModel):{FIELDS}",
}


def library(folder: Path, name: str, artifact: Artifact) -> Path:
    """A folder with the handler, and with the library and its compiled modules."""
    folder.mkdir()
    if name != "none":
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        options = ["--no-compile", "--only-binary=:all:", f"--python-version={artifact.version}"]
        subprocess.run([*pip, *options, f"--target={folder}", name], check=True)
    (folder / "handler.py").write_text(HEAD + MODELS[name] + TAIL)
    subprocess.run([artifact.python, "-m", "compileall", "-qq", folder], check=True)
    return folder


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def results() -> str:
    """Measure the libraries in turn, several times, and return a table of their medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artifact = built(folder)
        own = [artifact.folder / "IngestFunction", *artifact.path_of("DependencyLayer")]
        folders = {model: library(folder / model, model, artifact) for model in MODELS}
        measured: dict[str, list[tuple[float, float]]] = {model: [] for model in MODELS}
        for _ in range(ROUNDS):
            for model, first in folders.items():
                times = cold_start(artifact, [first, *own], "handler.lambda_handler", folder)
                measured[model].append(times)
        sizes = {model: size(first) for model, first in folders.items()}
    medians = {
        model: [median(times) for times in zip(*rounds, strict=True)]
        for model, rounds in measured.items()
    }
    return table(
        "schema library|init, ms|until the first answer, ms|MB on disk",
        *(
            f"{model}|{init:.0f}|{answer:.0f}|{sizes[model] / 1e6:.1f}"
            for model, (init, answer) in medians.items()
        ),
    )


if __name__ == "__main__":
    print(results())
