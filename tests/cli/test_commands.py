"""The commands as a person runs them: what they print, what they exit with, what they refuse."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest_fn.pipeline.model import HOUR
from tests.cloudwatch import DENIED, CloudWatch, Refusal, running_cloudwatch
from tests.command_line import Cli
from tests.making import instance_id
from tests.postgres import Server, stored_rows

ONE, TWO, THREE = (instance_id(number) for number in (1, 2, 3))
EVENTS = Path(__file__).parents[2] / "events"


@pytest.fixture
def cloudwatch() -> Iterator[CloudWatch]:
    """CloudWatch with one busy instance in the last day; the other ids have no data."""
    with running_cloudwatch() as service:
        last = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - HOUR
        for back in range(30):
            service.put(ONE, "CPUUtilization", last - back * HOUR, 10.0)
        yield service


@pytest.fixture
def env(cloudwatch: CloudWatch, database_url: str) -> dict[str, str]:
    return {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": cloudwatch.url,
        "AWS_INSTANCE_IDS": f"{ONE},{TWO}",
        "DATABASE_URL": database_url,
    }


def refused(done: subprocess.CompletedProcess[str], said: str, hint: str, code: int = 2) -> None:
    """One sentence and its hint on stderr, the right exit code, never a traceback."""
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_a_run_by_hand(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", **env)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Hourmeter, CloudWatch → Postgres"
    assert "  Region     eu-central-1" in lines
    assert "  Instances  2" in lines
    (of_one,) = [line for line in lines if line.startswith(f"  {ONE}")]
    assert of_one.split() == (f"{ONE} ok 30 inserted 0 updated 0 unchanged new".split())
    assert any(line.startswith(f"  {TWO}") and "empty" in line for line in lines)
    assert "2 instances: 1 ok, 1 empty, 0 partial, 0 failed; 2 new" in lines
    assert "30 rows: 30 inserted, 0 updated, 0 unchanged" in lines
    assert (
        "6 calls to GetMetricStatistics, 6 metrics billed, $0: within the month's free requests"
        in lines
    )
    assert lines[-1].startswith(f"No data for {TWO}: check that the id exists in eu-central-1")
    assert "\x1b" not in done.stdout
    again = cli("cloudwatch", **env)
    assert "24 rows: 0 inserted, 0 updated, 24 unchanged" in again.stdout


def test_json_for_machines(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", "--json", **env)
    result = json.loads(done.stdout)
    assert result["status"] == "ok"
    assert result["trigger"] == "cli"
    assert result["rows"] == {"inserted": 30, "updated": 0, "unchanged": 0}


def test_quiet_is_the_total_alone(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", "--quiet", **env)
    assert done.stdout.startswith("2 instances: 1 ok")
    assert f"  {ONE}" not in done.stdout


def test_a_dry_run_says_what_would_be(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", "--dry-run", **env)
    assert "30 inserted, 0 updated, 0 unchanged (would be; a dry run writes nothing)" in done.stdout
    assert stored_rows(env["DATABASE_URL"]) == {}


# target.json is of another account: tests/integration/test_accounts.py runs it.
OF_THIS_ACCOUNT = sorted(set(EVENTS.glob("*.json")) - {EVENTS / "target.json"})


@pytest.mark.parametrize("event", OF_THIS_ACCOUNT, ids=lambda path: path.stem)
def test_every_sample_event(cli: Cli, env: dict[str, str], event: Path) -> None:
    done = cli("cloudwatch", "--event", str(event), "--json", **env)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["instances"]["requested"] == (1 if event.stem == "one-instance" else 2)


def test_the_lookback(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", "--lookback-hours", "6", "--json", **env)
    assert json.loads(done.stdout)["rows"]["inserted"] == 6


def test_an_incomplete_run_exits_1_and_keeps_what_it_got(
    cli: Cli, env: dict[str, str], cloudwatch: CloudWatch
) -> None:
    cloudwatch.poisoned = {TWO}
    done = cli("cloudwatch", **env)
    refused(done, "1 of 2 instances were not wholly read", "The next run reads", code=1)
    assert "InvalidParameterValue" in done.stdout
    assert len(stored_rows(env["DATABASE_URL"])) == 30


def test_access_denied_names_the_action(
    cli: Cli, env: dict[str, str], cloudwatch: CloudWatch
) -> None:
    cloudwatch.refuse = lambda call: Refusal(
        "AccessDeniedException", DENIED.format(call.action, call.action), 403
    )
    done = cli("cloudwatch", **env)
    refused(
        done, "AWS denied cloudwatch:GetMetricStatistics", "Allow cloudwatch:GetMetricStatistics"
    )
    assert stored_rows(env["DATABASE_URL"]) == {}


def without(env: dict[str, str], *names: str) -> dict[str, str]:
    return {key: value for key, value in env.items() if key not in names}


def test_no_region(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", **without(env, "AWS_REGION"))
    refused(done, "AWS_REGION is not set", "export AWS_REGION=")


def test_no_credentials(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", **without(env, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    refused(done, "No usable AWS credentials", "Log in")


def test_no_instances(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", **without(env, "AWS_INSTANCE_IDS"))
    refused(done, "INSTANCE_IDS_PARAMETER is not set", "Set it to the name of an SSM parameter")


def test_a_malformed_id(cli: Cli, env: dict[str, str]) -> None:
    done = cli("cloudwatch", **env | {"AWS_INSTANCE_IDS": f"{ONE};{TWO}"})
    refused(done, "AWS_INSTANCE_IDS holds", "17 hexadecimal digits")


def test_a_bad_event(cli: Cli, env: dict[str, str], tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"lookback_hours": "a day"}')
    done = cli("cloudwatch", "--event", str(event), **env)
    refused(done, 'lookback_hours is "a day"', "a whole number of hours")
    event.write_text('{"lookback_hours": ')
    refused(cli("cloudwatch", "--event", str(event), **env), "is not JSON", "events/")
    refused(cli("cloudwatch", "--event", "absent.json", **env), "Cannot read", "")


def test_an_unknown_option_is_bad_usage(cli: Cli) -> None:
    assert cli("cloudwatch", "--look-back", "6").returncode == 2


def test_an_unreachable_database(cli: Cli, env: dict[str, str]) -> None:
    url = "postgresql://ingest:hunter2@127.0.0.1:1/metrics"
    done = cli("cloudwatch", **env | {"DATABASE_URL": url})
    refused(done, "Cannot connect to Postgres at 127.0.0.1:1", "security group")
    assert "Connection refused" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_a_missing_schema(cli: Cli, env: dict[str, str], postgres: Server) -> None:
    with postgres.fresh_database(template="template0") as url:
        done = cli("cloudwatch", **env | {"DATABASE_URL": url})
        refused(done, "The database is not ready", "python -m ingest_fn migrate")
        made = cli("migrate", DATABASE_URL=url)
        assert made.stdout.startswith("The schema is at revision")
        assert cli("migrate", DATABASE_URL=url).stdout.startswith("The schema is up to date")
        assert cli("cloudwatch", **env | {"DATABASE_URL": url}).returncode == 0


def test_the_sql_for_a_dba_is_the_whole_schema(cli: Cli, postgres: Server) -> None:
    sql = cli("migrate", "--sql").stdout
    with postgres.fresh_database(template="template0") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.encode())
        done = cli("migrate", "--json", DATABASE_URL=url)
        versions = json.loads(done.stdout)
        assert versions["before"] == versions["after"]


@pytest.mark.parametrize(
    "command", [(), ("cloudwatch",), ("report",), ("synthetic",), ("migrate",)]
)
def test_help_has_an_example(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli(*command, "--help", COLUMNS="100")
    assert done.returncode == 0
    assert "Usage:" in done.stdout
    assert not command or "Example:" in done.stdout


def test_a_synthetic_fleet_is_stored_and_labelled(
    cli: Cli, database_url: str, tmp_path: Path
) -> None:
    options = ("--instances", "10", "--days", "2", "--seed", "3", "--until", "2026-11-23T10:00:00Z")
    done = cli(
        "synthetic", *options, "--labels", "labels.json", "--json", DATABASE_URL=database_url
    )
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["instances"]["created"] == 10
    assert result["cloudwatch"]["estimated_cost_usd"] == 0
    assert result["rows"]["inserted"] == len(stored_rows(database_url)) > 300
    labels = json.loads((tmp_path / "labels.json").read_text())
    assert sum(label["idle"] for label in labels) == 1
    assert {"fine", "undersized", "switch_off"} < {label["verdict"] for label in labels}
    with psycopg.connect(database_url) as connection:
        names = connection.execute("SELECT instance_id, name FROM instances").fetchall()
    assert dict(names) == {label["instance_id"]: label["name"] for label in labels}
    assert {label["instance_id"] for label in labels} >= {
        key for key, _ in stored_rows(database_url)
    }
    again = json.loads(cli("synthetic", *options, "--json", DATABASE_URL=database_url).stdout)
    assert again["rows"] == {"inserted": 0, "updated": 0, "unchanged": result["rows"]["inserted"]}


def test_publishing_needs_an_emulator(cli: Cli, env: dict[str, str]) -> None:
    done = cli("synthetic", "--publish", **env)
    refused(done, "did not take the synthetic metrics", "emulator")
