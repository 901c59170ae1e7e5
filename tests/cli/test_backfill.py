"""``backfill`` and ``estimate`` as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from ingest_fn.pipeline.model import HOUR
from tests.cloudwatch import CloudWatch, running_cloudwatch
from tests.command_line import Cli
from tests.making import instance_id
from tests.postgres import stored_rows

ONE, TWO = instance_id(1), instance_id(2)
LAST = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands look at the clock, so each test begins with the hour that it is by then."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    monkeypatch.setitem(globals(), "LAST", now)


@pytest.fixture
def service(last: None) -> Iterator[CloudWatch]:
    """CloudWatch with twenty days of one instance; the other has no data."""
    with running_cloudwatch() as service:
        for back in range(1, 20 * 24 + 1):
            service.put(ONE, "CPUUtilization", LAST - back * HOUR, 10.0)
        yield service


@pytest.fixture
def env(service: CloudWatch, database_url: str) -> dict[str, str]:
    return {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": service.url,
        "AWS_INSTANCE_IDS": f"{ONE},{TWO}",
        "DATABASE_URL": database_url,
        "FIRST_LOOKBACK_HOURS": "24",
    }


def since(days: int) -> str:
    return (LAST - days * 24 * HOUR).isoformat()


def test_it_reads_what_was_never_read_and_nothing_twice(
    cli: Cli, env: dict[str, str], service: CloudWatch
) -> None:
    assert cli("cloudwatch", **env).returncode == 0
    assert len(stored_rows(env["DATABASE_URL"])) == 24
    service.calls.clear()
    done = cli("backfill", "--from", since(10), "--yes", "--json", **env)
    assert done.returncode == 0, done.stderr
    shape = json.loads(done.stdout)
    assert shape["status"] == "ok"
    assert shape["hours"] == 2 * 9 * 24
    assert shape["rows"] == {"inserted": 216, "updated": 0, "unchanged": 0}
    assert shape["cloudwatch"]["metrics_billed"] == 6
    assert len(stored_rows(env["DATABASE_URL"])) == 240
    service.calls.clear()
    again = cli("backfill", "--from", since(10), "--yes", **env)
    assert "Nothing is owed" in again.stdout
    assert service.calls == []


def test_without_yes_and_without_a_terminal_nothing_is_read(
    cli: Cli, env: dict[str, str], service: CloudWatch
) -> None:
    done = cli("backfill", "--from", since(2), **env)
    assert done.returncode == 2
    assert "hours of 2 instances by GetMetricStatistics" in done.stdout
    assert "--yes" in done.stderr
    assert service.calls == []


def test_without_dates_it_reads_what_is_owed(
    cli: Cli, env: dict[str, str], service: CloudWatch
) -> None:
    assert cli("cloudwatch", "--start", since(6), "--end", since(5), **env).returncode == 0
    done = cli("backfill", "--yes", "--json", **env)
    assert json.loads(done.stdout)["rows"]["inserted"] == 5 * 24
    with psycopg.connect(env["DATABASE_URL"]) as connection:
        reasons = connection.execute("SELECT DISTINCT reason FROM gaps").fetchall()
    assert reasons == [("no_data",)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "2020-01-01"], "more than 455 days back"),
        (["--from", "yesterday"], "--from is"),
        (["--to", "2999-01-01"], "lies in the future"),
        (["--from", since(1), "--to", since(2)], "is not before"),
        (["i-1"], "i-1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    cli: Cli, env: dict[str, str], service: CloudWatch, arguments: list[str], said: str
) -> None:
    done = cli("backfill", *arguments, "--yes", "--json", **env)
    assert done.returncode == 2
    assert said in json.loads(done.stdout)["error"]
    assert said in done.stderr
    assert service.calls == []


def test_what_fails_stays_owed_and_says_so(
    cli: Cli, env: dict[str, str], service: CloudWatch
) -> None:
    assert cli("cloudwatch", **env).returncode == 0
    service.poisoned = {ONE}
    done = cli("backfill", "--from", since(3), "--yes", **env)
    assert done.returncode == 1
    assert "1 reads were not whole" in done.stderr
    service.poisoned = set()
    again = cli("backfill", "--yes", "--json", **env)
    assert json.loads(again.stdout)["rows"]["inserted"] == 48


def test_an_estimate_of_the_fleet_and_what_was_spent(cli: Cli, env: dict[str, str]) -> None:
    metric_data = env | {"CLOUDWATCH_API": "metric-data"}
    assert cli("cloudwatch", **metric_data).returncode == 0
    done = cli("estimate", "--json", **env)
    shown = json.loads(done.stdout)
    assert shown["instances"] == 2
    assert shown["cheapest"]["freshness_hours"] == 1
    assert shown["spent_last_30_days_usd"] == 0.0
    table = cli("estimate", "--instances", "10000", **env).stdout
    assert "219.00" in table
    assert max(len(line.rstrip()) for line in table.splitlines()[:9]) <= 80


def test_an_estimate_without_any_account(cli: Cli) -> None:
    done = cli("estimate", "--instances", "1000000", "--json")
    shown = json.loads(done.stdout)
    assert shown["spent_last_30_days_usd"] is None
    assert len(shown["options"]) == 6
