"""doctor against an emulator, a fake CloudWatch and a real database, whole and broken."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from typing import Any

import boto3
import psycopg
import pytest

from ingest_fn.answers.doctor.checks import Check, Status, good, together
from ingest_fn.answers.doctor.doctor import Doctor
from ingest_fn.local.aws import LocalAws
from ingest_fn.local.synthetic.ec2 import launch
from ingest_fn.local.synthetic.fleet import make_fleet
from ingest_fn.local.synthetic.publish import publish
from ingest_fn.pipeline.model import HOUR, Window
from ingest_fn.request.selection import parse_selection
from tests.cloudwatch import DENIED, Refusal, running_cloudwatch
from tests.command_line import Cli
from tests.making import instance_id
from tests.postgres import PASSWORD, Server, as_runtime

NOW = datetime.now(UTC)
PARAMETER = "/fleet/ids"
STS = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:sts::1:assumed-role/me/x</Arn><UserId>A</UserId>
<Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""
REFUSED = """<ErrorResponse><Error><Code>{}</Code><Message>no</Message></Error></ErrorResponse>"""


def examined(
    env: Mapping[str, str], items: str | None = None, now: datetime = NOW
) -> dict[str, Check]:
    """Every check by its name; each name comes once."""
    chosen = parse_selection(items, where="here") if items else None
    checks = list(Doctor(env, now, lambda: chosen).examine())
    by_name = {check.name: check for check in checks}
    assert len(by_name) == len(checks)
    return by_name


def statuses(checks: Mapping[str, Check], status: Status) -> set[str]:
    return {name for name, check in checks.items() if check.status is status}


@pytest.fixture
def env(aws: LocalAws, database_url: str) -> dict[str, str]:
    """Ten machines with data of the last day, all chosen by the SSM parameter."""
    end = NOW.replace(minute=0, second=0, microsecond=0)
    fleet = list(make_fleet(10, 1, end))
    launch(fleet, end, aws.region)
    publish(boto3.client("cloudwatch"), fleet, Window(end - 24 * HOUR, end))
    boto3.client("ssm").put_parameter(Name=PARAMETER, Type="String", Value="all")
    url = as_runtime(database_url)
    return {
        "AWS_REGION": aws.region,
        "INSTANCE_IDS_PARAMETER": PARAMETER,
        "DATABASE_URL": url,
    }


def test_all_is_well_where_it_is(env: dict[str, str]) -> None:
    checks = examined(env)
    assert not statuses(checks, Status.WRONG)
    # Nothing has run yet.
    assert statuses(checks, Status.WARNING) <= {"partitions", "schedule", "last run"}
    assert "10 to read" in checks["selection"].message or "more have" in checks["selection"].message
    assert {
        *("settings", "credentials", "region", "clock", "ssm:GetParameter", "selection"),
        *("cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics"),
        *("ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "cloudwatch data"),
        *("agent memory", "database", "tls", "role", "schema", "privileges", "partitions"),
        *("owed hours", "schedule", "last run", "budget"),
    } == set(checks)


def test_each_item_of_the_selection_says_what_it_matches(env: dict[str, str]) -> None:
    checks = examined(env, f"all,!tag:Environment=dev,!tag:Nobody=x,{instance_id(1)}")
    assert checks["!tag:Environment=dev"].status is Status.OK
    assert checks["!tag:Nobody=x"].status is Status.WARNING
    assert checks[instance_id(1)].message == "EC2 does not show it."
    nothing = examined(env, "tag:Nobody=x")
    assert "Nothing matched" in nothing["selection"].message
    assert nothing["tag:Nobody=x"].status is Status.WARNING


def test_a_missing_parameter_and_a_malformed_item(env: dict[str, str]) -> None:
    assert (
        "does not exist" in examined(env | {"INSTANCE_IDS_PARAMETER": "/no"})["selection"].message
    )
    boto3.client("ssm").put_parameter(Name=PARAMETER, Type="String", Value="i-12", Overwrite=True)
    assert "no instance id" in examined(env)["selection"].message
    without = {key: env[key] for key in env if key != "INSTANCE_IDS_PARAMETER"}
    checks = examined(without)
    assert "INSTANCE_IDS_PARAMETER is not set" in checks["selection"].message
    assert checks["schema"].status is Status.OK


@pytest.mark.parametrize("api", ["auto", "metric-statistics"])
def test_denied_actions_are_named_each_for_itself(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    with running_cloudwatch() as service:
        service.refuse = lambda call: Refusal(
            "AccessDeniedException", DENIED.format(call.action, call.action), 403
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", service.url)
        checks = examined(env | {"CLOUDWATCH_API": api}, instance_id(1))
    denied = checks["cloudwatch:GetMetricStatistics"]
    assert denied.status is Status.WRONG
    assert "AWS denied cloudwatch:GetMetricStatistics" in denied.message
    assert denied.hint == "Allow cloudwatch:GetMetricStatistics in the IAM policy of the caller."
    assert ("cloudwatch:GetMetricData" in checks) is (api == "auto")
    assert checks["credentials"].status is Status.OK
    assert checks["database"].status is Status.OK


def test_instances_without_data_are_named(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_cloudwatch() as service:
        service.put(instance_id(1), "CPUUtilization", NOW - 2 * HOUR, 5.0)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", service.url)
        for api in ("metric-data", "metric-statistics"):
            given = env | {"CLOUDWATCH_API": api}
            data = examined(given, f"{instance_id(1)},{instance_id(2)}")["cloudwatch data"]
            assert data.status is Status.WARNING
            assert data.message.startswith("1 of 2 have no data")
            assert instance_id(2) in data.message
            assert "All 1 have data" in examined(given, instance_id(1))["cloudwatch data"].message


@contextmanager
def sts(status: int, body: str, shift: timedelta = timedelta()) -> Iterator[str]:
    """STS, whose clock is ``shift`` away from ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response_only(status)
            self.send_header("Date", format_datetime(datetime.now(UTC) + shift, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("shift", "status", "said"),
    [
        (timedelta(seconds=2), Status.OK, "agrees"),
        (timedelta(seconds=-100), Status.WARNING, "ahead of"),
        (timedelta(hours=2), Status.WRONG, "behind"),
    ],
)
def test_the_clock(
    env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    shift: timedelta,
    status: Status,
    said: str,
) -> None:
    with sts(200, STS, shift) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        clock = examined(env)["clock"]
    assert (clock.status, said in clock.message) == (status, True)


def test_refused_credentials_stop_nothing_else(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sts(403, REFUSED.format("ExpiredToken"), timedelta(hours=1)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        checks = examined(env)
    assert checks["credentials"].message.startswith("AWS refused the credentials (ExpiredToken)")
    assert checks["clock"].status is Status.WRONG
    assert checks["cloudwatch data"].status in {Status.OK, Status.WARNING}
    assert checks["schema"].status is Status.OK


def test_wrong_regions(env: dict[str, str]) -> None:
    checks = examined(env | {"AWS_REGION": "eu-centrall-1"})
    assert "did you mean eu-central-1?" in checks["region"].message
    assert checks["database"].status is Status.OK
    without = {key: env[key] for key in env if key != "AWS_REGION"}
    assert "AWS_REGION is not set" in examined(without)["region"].message
    # No machine is there.
    assert examined(env | {"AWS_REGION": "eu-west-1"}, "all")["selection"].status is Status.WARNING


def test_every_wrong_variable_is_named_and_the_others_count(env: dict[str, str]) -> None:
    checks = examined(env | {"LOOKBACK_HOURS": "a day", "FRESHNESS_HOURS": "5"})
    assert statuses(checks, Status.WRONG) == {"LOOKBACK_HOURS", "FRESHNESS_HOURS"}
    assert checks["budget"].status is Status.OK


def test_the_budget(env: dict[str, str], database_url: str) -> None:
    data = {"CLOUDWATCH_API": "metric-data"}
    few = examined(env | data | {"MONTHLY_BUDGET_USD": "0"})["budget"]
    assert few.status is Status.WRONG
    assert "not enough" in few.message
    assert "every hour" in examined(env | {"MONTHLY_BUDGET_USD": "0"})["budget"].message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (PASSWORD, "hunter2", "authentication failed"),
        (r"/test_\d", "/no_such_database", "does not exist"),
    ],
)
def test_no_way_into_the_database(env: dict[str, str], old: str, new: str, said: str) -> None:
    checks = examined(env | {"DATABASE_URL": re.sub(old, new, env["DATABASE_URL"])})
    assert checks["database"].status is Status.WRONG
    assert said in checks["database"].message
    assert checks["database"].hint
    assert "schema" not in checks
    assert checks["selection"].status is Status.OK
    assert "hunter2" not in json.dumps([check.as_dict() for check in checks.values()])


def test_no_schema(env: dict[str, str], postgres: Server) -> None:
    with postgres.fresh_database(template="template0") as url:
        checks = examined(env | {"DATABASE_URL": url})
    assert checks["schema"].status is Status.WRONG
    assert checks["schema"].hint is not None
    assert "migrate" in checks["schema"].hint
    assert "partitions" not in checks


def test_an_older_and_a_newer_schema(env: dict[str, str], database_url: str) -> None:
    for revision, status in (("0001", Status.WRONG), ("9999", Status.WARNING)):
        with psycopg.connect(database_url) as owner:
            owner.execute("UPDATE hourmeter_schema SET version_num = %s", [revision])
        assert examined(env)["schema"].status is status
    with psycopg.connect(database_url) as owner:
        owner.execute("REVOKE SELECT ON hourmeter_schema FROM test_runtime")
    assert "may not read" in examined(env)["schema"].message


def test_a_privilege_is_missing(env: dict[str, str], database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("REVOKE INSERT ON metrics FROM PUBLIC, test_runtime")
    privileges = examined(env)["privileges"]
    assert privileges.status is Status.WRONG
    assert privileges.message == "The login lacks INSERT on metrics."


def test_partitions(env: dict[str, str], database_url: str) -> None:
    assert examined(env)["partitions"].status is Status.WARNING
    with psycopg.connect(database_url) as owner:
        owner.execute("SELECT ensure_metrics_partitions(%s, %s)", [NOW, NOW + timedelta(days=32)])
    assert examined(env)["partitions"].status is Status.OK
    month = f"metrics_{NOW:%Y_%m}"
    with psycopg.connect(database_url) as owner:
        owner.execute(f"ALTER TABLE metrics DETACH PARTITION {month}")
    assert "no partition of metrics" in examined(env)["partitions"].message
    with psycopg.connect(database_url) as owner:
        owner.execute(f"DROP TABLE {month}")
        owner.execute(
            "REVOKE EXECUTE ON FUNCTION ensure_metrics_partitions FROM PUBLIC, test_runtime"
        )
    assert examined(env)["partitions"].status is Status.WRONG


def test_a_locked_table_costs_its_own_checks_alone(
    env: dict[str, str], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_fn.answers.doctor.database.PATIENCE", 1.5)
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE ingest_runs IN ACCESS EXCLUSIVE MODE")
        begun = monotonic()
        checks = examined(env)
    assert monotonic() - begun < 30
    assert statuses(checks, Status.WRONG) == {"last run", "budget"}
    assert checks["owed hours"].status is Status.OK


def run_row(database_url: str, **row: Any) -> None:
    columns = {
        "run_id": "00000000-0000-0000-0000-000000000001",
        "trigger": "schedule",
        "status": "ok",
        "started_at": NOW,
        "finished_at": NOW,
        "region": "eu-central-1",
        "api": "metric-data",
        "instances_requested": 0,
    } | row
    with psycopg.connect(database_url) as owner:
        owner.execute("DELETE FROM ingest_runs")
        owner.execute(
            f"INSERT INTO ingest_runs ({', '.join(columns)}) "
            f"VALUES ({', '.join(f'%({name})s' for name in columns)})",
            columns,
        )


def test_the_schedule_and_the_last_run(env: dict[str, str], database_url: str) -> None:
    run_row(database_url)
    checks = examined(env)
    assert (checks["schedule"].status, checks["last run"].status) == (Status.OK, Status.OK)
    run_row(database_url, started_at=NOW - 5 * HOUR, status="running", finished_at=None)
    checks = examined(env)
    assert "5 hours ago" in checks["schedule"].message
    assert "never ended" in checks["last run"].message
    run_row(database_url, status="failed", error="The dog ate it.", trigger="cli")
    checks = examined(env)
    assert checks["schedule"].status is Status.WARNING
    assert "The dog ate it." in checks["last run"].message


def test_owed_hours(env: dict[str, str], database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "INSERT INTO instances (instance_id, region) VALUES (%s, 'x')", [instance_id(1)]
        )
        owner.execute(
            "INSERT INTO owed_hours (instance_id, read_failed, reason) SELECT id, "
            "'{[2026-11-01 00:00Z,2026-11-01 05:00Z)}', 'throttled' FROM instances"
        )
    owed = examined(env)["owed hours"]
    assert owed.message == "5 of 1 instances, from 2026-11-01T00:00:00Z on (throttled)."


def test_a_secret_that_is_not_there(env: dict[str, str]) -> None:
    url = env.pop("DATABASE_URL")
    assert url
    checks = examined(
        env
        | {
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_AUTH": "secret",
            "DATABASE_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:no",
        }
    )
    assert "There is no secret" in checks["secretsmanager:GetSecretValue"].message
    assert "database" not in checks


def test_what_never_answers_is_given_up_and_what_trips_is_said() -> None:
    def stuck() -> list[Check]:
        threading.Event().wait(3)
        return []

    def broken() -> Iterator[Check]:
        yield good("first", "fine")
        raise ZeroDivisionError("by zero")

    begun = monotonic()
    checks = together({"stuck": stuck, "broken": broken}, 0.5)
    assert monotonic() - begun < 2
    assert [(check.name, check.status) for check in checks] == [
        ("stuck", Status.WRONG),
        ("first", Status.OK),
        ("broken", Status.WRONG),
    ]


def test_the_command(cli: Cli, env: dict[str, str], aws: LocalAws) -> None:
    env |= aws.environment()
    done = cli("doctor", "--json", **env)
    assert (done.returncode, done.stderr) == (0, "")
    shape = json.loads(done.stdout)
    assert {tuple(check) for check in shape["checks"]} == {("name", "status", "message", "hint")}
    assert {check["status"] for check in shape["checks"]} <= {"ok", "warning"}
    broken = env | {"DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/x"}
    done = cli("doctor", **broken, COLUMNS="80")
    assert done.returncode == 1
    assert done.stderr == ""
    assert "1 wrong." in done.stdout
    assert "hunter2" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
