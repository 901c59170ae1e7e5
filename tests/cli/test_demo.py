"""``make run``: the whole path in one command, twice."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.command_line import Cli

ROOT = Path(__file__).parents[2]


def result_of(output: str) -> dict[str, Any]:
    """The handler's result out of what the demo shows."""
    match = re.search(r"^\{$.*?^\}$", output, re.DOTALL | re.MULTILINE)
    assert match, output
    result: dict[str, Any] = json.loads(match[0])
    return result


def test_the_second_run_finds_nothing_to_rewrite(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events").symlink_to(ROOT / "events")
    first = cli(module="ingest_fn.cli.stack")
    assert first.returncode == 0, first.stderr
    rows = result_of(first.stdout)["rows"]
    assert rows["inserted"] > 150
    assert "make psql" in first.stdout
    assert first.stdout.splitlines()[-1].split()[:3] == ["The", "page", ".local/report.html"]
    page = (tmp_path / ".local/report.html").read_text(encoding="utf-8")
    assert "what to do about 10 instances" in page
    assert "wiki-2" in page
    assert "In the 30 days before, 1 run asked CloudWatch for" in page
    for kind in ("web", "idle", "database", "batch", "oversized", "stopped at night", "newly"):
        assert kind in first.stdout
    second = result_of(cli(module="ingest_fn.cli.stack").stdout)
    assert second["status"] == "ok"
    assert second["rows"] == {"inserted": 0, "updated": 0, "unchanged": rows["inserted"]}
    asked = cli("psql", "-Atc", "SELECT count(*) FROM metrics", module="ingest_fn.cli.stack")
    assert asked.stdout.strip() == str(rows["inserted"])
    assert not (tmp_path / ".local/postgres/data/postmaster.pid").exists()


def test_commands_without_a_database_share_the_local_one(cli: Cli, tmp_path: Path) -> None:
    done = cli("synthetic", "--days", "1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert ".local/postgres" in done.stderr
    assert "10 new" in done.stdout
    assert (tmp_path / ".local/postgres").stat().st_mode & 0o777 == 0o700
