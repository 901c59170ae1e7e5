"""``report`` over a synthetic fleet, from the made-up rows to the files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from ingest_fn.answers.page.model import VERDICTS
from tests.command_line import Cli

UNTIL = "2026-11-23T10:00:00Z"


def test_synthetic_then_report(cli: Cli, database_url: str, tmp_path: Path) -> None:
    fleet = ("--instances", "20", "--days", "15", "--seed", "3", "--until", UNTIL)
    made = cli("synthetic", *fleet, "--labels", "labels.json", "--quiet", DATABASE_URL=database_url)
    assert made.returncode == 0, made.stderr
    labels = json.loads((tmp_path / "labels.json").read_text())

    for name in ("report.html", "report.csv", "report.json"):
        done = cli("report", "--output", name, "--as-of", UNTIL, DATABASE_URL=database_url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Wrote {name} (")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "As of" in page
    assert "2026-11-23 10:00 UTC" in page
    verdicts = json.loads((tmp_path / "report.json").read_text())["verdicts"]
    assert {row["verdict"] for row in verdicts} <= VERDICTS.keys()
    assert {row["verdict"] for row in verdicts} >= {"idle", "fine", "undersized"}
    assert all(row["saving_usd_per_month"] is None for row in verdicts)  # no price is known
    assert "$" not in page.replace("${", "")
    with (tmp_path / "report.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(verdicts)
    for label in labels:
        assert label["name"] in page

    options = ("--as-of", UNTIL)
    streamed = cli("report", "--json", *options, DATABASE_URL=database_url)
    assert json.loads(streamed.stdout)["verdicts"] == verdicts
    text = cli("report", "--csv", *options, DATABASE_URL=database_url).stdout
    assert text.splitlines() == (tmp_path / "report.csv").read_text().splitlines()


def test_what_is_refused(cli: Cli, database_url: str) -> None:
    for arguments, said in (
        (("--output", "report.pdf"), "ends in none of .html, .csv and .json"),
        ((), "Nothing says where the report goes"),
        (("--output", "nowhere/report.html"), "Cannot write nowhere/report.html"),
        (("--output", "a.html", "--as-of", "yesterday"), "--as-of"),
        (("--csv", "--json"), "exclude each other"),
    ):
        done = cli("report", *arguments, DATABASE_URL=database_url)
        assert done.returncode == 2, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    failed = cli("report", "--output", "report.pdf", "--json", DATABASE_URL=database_url)
    assert json.loads(failed.stdout)["hint"].startswith("The ending")
