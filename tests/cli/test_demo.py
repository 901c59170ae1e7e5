"""``make run``: the whole path in one command, twice."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.command_line import Cli

ROOT = Path(__file__).parents[2]


def result_of(output: str) -> dict[str, Any]:
    """The handler's result out of what the demo shows."""
    match = re.search(r"^\{$.*?^\}$", output, re.DOTALL | re.MULTILINE)
    assert match, output
    result: dict[str, Any] = json.loads(match[0])
    return result


@pytest.fixture
def events(tmp_path: Path) -> None:
    (tmp_path / "events").symlink_to(ROOT / "events")


HOSTILE = {
    "AWS_PROFILE": "nope",
    "AWS_ENDPOINT_URL_CLOUDWATCH": "http://127.0.0.1:1",
    "PGSERVICE": "nope",
    "PGOPTIONS": "-c search_path=nowhere",
    "PYTHONIOENCODING": "latin-1",
    "COLUMNS": "80",
}
"""What a shell may hold that is not meant for make run."""


def test_the_first_run_brings_two_weeks_and_the_second_rewrites_nothing(
    cli: Cli, tmp_path: Path, events: None
) -> None:
    first = cli(module="ingest_fn.cli.stack", **HOSTILE)
    assert first.returncode == 0, first.stderr
    result = result_of(first.stdout)
    assert result["rows"]["inserted"] > 2_400
    assert result["hours"]["healed"] > 2_000
    assert result["cloudwatch"]["metrics_billed"] < 50, "the price of one hour"
    assert "make psql" in first.stdout
    lines = first.stdout.splitlines()
    assert len(lines) <= 41
    assert max(map(len, lines)) <= 80
    assert lines[-1].split()[:3] == ["The", "page", ".local/report.html"]
    page = (tmp_path / ".local/report.html").read_text(encoding="utf-8")
    assert "what to do about 10 instances" in page
    assert "In the 30 days before, 1 run asked CloudWatch for" in page
    for kind in ("web", "idle", "database", "batch", "oversized", "stopped at night", "newly"):
        assert kind in first.stdout
    second = result_of(cli(module="ingest_fn.cli.stack", **HOSTILE).stdout)
    assert second["status"] == "ok"
    assert second["rows"]["inserted"] == second["rows"]["updated"] == 0
    assert second["rows"]["unchanged"] > 150
    asked = cli("psql", "-Atc", "SELECT count(*) FROM metrics", module="ingest_fn.cli.stack")
    assert asked.stdout.strip() == str(result["rows"]["inserted"])
    assert not (tmp_path / ".local/postgres/data/postmaster.pid").exists()
    removed = json.loads(cli("synthetic", "--remove", "--json").stdout)
    assert removed == {"instances": 10, "rows": result["rows"]["inserted"]}


def test_a_sample_that_has_become_too_old_gets_the_time_of_today(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events/scheduled.json").write_text('{"scheduled_time": "2020-01-01T00:15:00Z"}')
    done = cli("--instances", "2", module="ingest_fn.cli.stack")
    assert result_of(done.stdout)["instances"]["requested"] == 2
    assert f"{datetime.now(UTC):%Y-%m}" in done.stdout


def test_a_database_in_use_is_left_alone_unless_told(
    cli: Cli, database_url: str, events: None
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO instances (instance_id, region) VALUES ('i-1', 'eu-west-1')"
        )
    refused = cli(module="ingest_fn.cli.stack", DATABASE_URL=database_url)
    assert refused.returncode == 2
    assert "holds other data" in refused.stderr
    assert "--into-my-database" in refused.stderr
    told = cli("--into-my-database", module="ingest_fn.cli.stack", DATABASE_URL=database_url)
    assert told.returncode == 0, told.stderr
    removed = cli("synthetic", "--remove", DATABASE_URL=database_url)
    assert "Removed 10 made-up machines" in removed.stdout
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT instance_id FROM instances").fetchall() == [("i-1",)]
        assert connection.execute("SELECT count(*) FROM metrics").fetchone() == (0,)


@pytest.mark.parametrize("arguments", [("--instances", "many"), ("--instances", "0"), ("--so",)])
def test_wrong_arguments_are_bad_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments, module="ingest_fn.cli.stack")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_no_psql_is_a_sentence(cli: Cli) -> None:
    done = cli("psql", module="ingest_fn.cli.stack", DATABASE_URL="postgresql://x/y", PATH="/none")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "there is no psql on the PATH" in done.stderr


def test_labels_that_cannot_be_written(cli: Cli) -> None:
    done = cli("synthetic", "--labels", "/nonexistent/x")
    assert done.returncode == 2
    assert "Cannot write /nonexistent/x" in done.stderr


def test_commands_without_a_database_share_the_local_one(cli: Cli, tmp_path: Path) -> None:
    done = cli("synthetic", "--days", "1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert ".local/postgres" in done.stderr
    assert "10 new" in done.stdout
    assert (tmp_path / ".local/postgres").stat().st_mode & 0o777 == 0o700
