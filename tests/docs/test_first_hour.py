"""Every command of docs/first-hour.md, in its order, in one shell."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CLEAN
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "first-hour.md"
MAKE = """
make() {{
    target=$1; shift
    arguments=${{1:-}}
    eval "set -- ${{arguments#ARGS=}}"
    if [ "$target" = up ]; then set -- --postgres-port={} --aws-port={}; fi
    .venv/bin/python -m ingest_fn.cli.stack "$target" "$@"
}}
"""
"""What the targets run, without the setup of a folder of its own."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def shell_lines() -> Iterator[str]:
    for block in blocks(PAGE, "sh"):
        for line in block.splitlines():
            command, _, comment = line.partition("  # ")
            yield f"{command} || [ $? -eq 1 ]" if "exit code 1" in comment else command


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    yield tmp_path
    subprocess.run(
        [sys.executable, "-m", "ingest_fn.cli.stack", "down"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )


def test_the_walk(folder: Path) -> None:
    script = ["set -eu", MAKE.format(free_port(), free_port()), *shell_lines()]
    done = subprocess.run(
        ["sh", "-c", "\n".join(script)],
        cwd=folder,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # What gaps says before, during and after the outage.
    shown = re.findall(r"reason +\| +sum *\n[-+]+\n((?:.*\|.*\n)*)", done.stdout)
    before, during, after = (
        Counter({reason.strip(): int(hours) for reason, _, hours in rows})
        for rows in ([line.partition("|") for line in table.splitlines()] for table in shown)
    )
    assert before["not_read"] > 500
    assert during["read_failed"] > 500
    assert not {"not_read", "read_failed"} & after.keys()
    assert re.search(r"Removed 10 made-up machines", done.stdout)
    assert not (folder / ".local/stack.json").exists()
    assert not (folder / ".local/env").exists()
