"""Every command that the README shows is run here, or listed with where else it is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ingest_fn.pipeline.model import HOUR
from tests.cloudwatch import running_cloudwatch
from tests.docs.pages import PAGES, ROOT, blocks, shell_commands
from tests.making import END, instance_id

README = ROOT / "README.md"
EXPORT, INGEST = "export ", ".venv/bin/python -m ingest_fn"
ELSEWHERE = {
    "make run": "tests/cli/test_demo.py runs what the target runs",
    "make test": "it is what runs this test",
    "make build": "tests/artifact builds with it and runs the result",
    ".venv-sam/bin/sam deploy --config-env database": "tests/template gives it to an emulator",
}


@pytest.fixture
def exported() -> Iterator[dict[str, str]]:
    """A CloudWatch that knows the instances of the README."""
    with running_cloudwatch() as service:
        service.put(instance_id(1), "CPUUtilization", END - HOUR, 10.0)
        yield {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": service.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }


def test_the_commands_of_the_readme(
    exported: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    """In their order, with the exports before them and a database of the test's own."""
    ran = 0
    for command in shell_commands(README):
        if command.startswith(EXPORT):
            name, _, value = command.removeprefix(EXPORT).partition("=")
            exported[name] = database_url if name == "DATABASE_URL" else value
        elif command.startswith(INGEST):
            arguments = command.removeprefix(INGEST).split()
            done = subprocess.run(
                [sys.executable, "-m", "ingest_fn", *arguments],
                cwd=tmp_path,
                env=exported,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            ran += 1
        else:
            assert command in ELSEWHERE, f"nothing runs: {command}"
    assert ran == 3


def test_every_make_target_of_the_pages_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"(?:`|^|&& )make ([a-z-]+)", page.read_text(), re.MULTILINE)
        assert set(named) <= targets, page


def test_the_queries_of_the_pages_run(database_url: str) -> None:
    ran = 0
    with psycopg.connect(database_url) as connection:
        for page in (README, ROOT / "docs" / "tables.md", ROOT / "docs" / "fan-out.md"):
            for query in blocks(page, "sql"):
                connection.execute(query)
                ran += 1
    assert ran >= 4
