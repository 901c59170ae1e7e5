"""The real handler: environment, SSM, CloudWatch over HTTP, Postgres, log and metrics."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import psycopg
import pytest

from ingest_fn import app
from ingest_fn.errors import ConfigurationError, EventError, IncompleteRunError
from ingest_fn.local.aws import LocalAws
from ingest_fn.pipeline.model import HOUR
from tests.lambda_context import Context
from tests.making import END, instance_id, row
from tests.postgres import stored_rows

ONE, TWO = instance_id(1), instance_id(2)
EVENT = {"scheduled_time": "2026-11-23T10:15:00Z"}
PARAMETER = "/fleet/instance-ids"


@pytest.fixture
def handler(
    aws: LocalAws,
    database_url: str,
    cold_handler: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    """A cold handler with an empty emulator and an empty database."""
    del aws, capsys
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("INSTANCE_IDS_PARAMETER", PARAMETER)
    return cold_handler


def put_ids(*ids: str) -> None:
    boto3.client("ssm").put_parameter(
        Name=PARAMETER, Type="StringList", Value=",".join(ids), Overwrite=True
    )


def publish(id_: str, cpu: float = 10.0, hours: int = 24) -> None:
    """What EC2 would publish of ``id_`` in the last hours of the window."""
    dimensions = [{"Name": "InstanceId", "Value": id_}]
    data: list[dict[str, Any]] = []
    for back in range(1, hours + 1):
        values = {"CPUUtilization": cpu, "NetworkIn": 600.0, "NetworkOut": 60.0}
        data += [
            {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": END - back * HOUR,
                "StatisticValues": {
                    "SampleCount": 12,
                    "Sum": 12 * value,
                    "Minimum": value / 2,
                    "Maximum": value * 2,
                },
            }
            for name, value in values.items()
        ]
    boto3.client("cloudwatch").put_metric_data(Namespace="AWS/EC2", MetricData=data)


@pytest.mark.parametrize("api", ["metric-data", "metric-statistics"])
def test_from_an_event_to_rows(
    handler: Any, database_url: str, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    monkeypatch.setenv("CLOUDWATCH_API", api)
    put_ids(ONE, TWO)
    publish(ONE)
    first = handler(EVENT, Context())
    assert first["status"] == "ok"
    assert first["window"] == {"start": "2026-11-22T10:00:00Z", "end": "2026-11-23T10:00:00Z"}
    counts = first["instances"]
    assert (counts["requested"], counts["ok"], counts["empty"], counts["created"]) == (2, 1, 1, 2)
    assert first["rows"] == {"inserted": 24, "updated": 0, "unchanged": 0}
    assert first["cloudwatch"]["api"] == api
    assert first["cloudwatch"]["metrics_billed"] == 6
    rows = stored_rows(database_url)
    assert len(rows) == 24
    expected = row(
        cpu_utilization=10.0,
        cpu_utilization_max=20.0,
        sample_count=12,
        network_in=7200.0,
        network_out=720.0,
    )
    assert list(rows.values()) == [expected] * 24
    again = handler(EVENT, Context())
    assert again["rows"] == {"inserted": 0, "updated": 0, "unchanged": 24}


def test_both_apis_store_the_same(
    handler: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_ids(ONE)
    publish(ONE, cpu=33.333333333)
    for api in ("metric-data", "metric-statistics"):
        app.ingester.cache_clear()
        monkeypatch.setenv("CLOUDWATCH_API", api)
        result = handler(EVENT, Context())
    assert result["rows"] == {"inserted": 0, "updated": 0, "unchanged": 24}


def test_an_hour_revised_later_updates_one_row(handler: Any, database_url: str) -> None:
    put_ids(ONE)
    publish(ONE)
    handler(EVENT, Context())
    boto3.client("cloudwatch").put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": ONE}],
                "Timestamp": END - HOUR,
                "StatisticValues": {"SampleCount": 12, "Sum": 600, "Minimum": 1, "Maximum": 90},
            }
        ],
    )
    result = handler(EVENT, Context())
    assert result["rows"] == {"inserted": 0, "updated": 1, "unchanged": 23}
    newest = stored_rows(database_url)[ONE, int((END - HOUR).timestamp())]
    assert newest == row(
        cpu_utilization=30.0,
        cpu_utilization_max=90.0,
        sample_count=24,
        network_in=7200.0,
        network_out=720.0,
    )


def test_a_retry_minutes_later_reads_the_same_hours(handler: Any, database_url: str) -> None:
    put_ids(ONE)
    publish(ONE)
    handler({"scheduled_time": "2026-11-23T10:37:00Z"}, Context())
    keys = set(stored_rows(database_url))
    result = handler({"scheduled_time": "2026-11-23T10:52:00Z"}, Context())
    assert result["rows"]["inserted"] == 0
    assert set(stored_rows(database_url)) == keys


def test_killed_connections_between_two_warm_invocations_go_unnoticed(
    handler: Any, database_url: str
) -> None:
    put_ids(ONE)
    publish(ONE)
    handler(EVENT, Context())
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'ingest_fn' AND datname = current_database()"
        )
    assert handler(EVENT, Context())["status"] == "ok"


def test_a_dry_run_writes_nothing(handler: Any, database_url: str) -> None:
    put_ids(ONE)
    publish(ONE)
    result = handler(EVENT | {"dry_run": True}, Context())
    assert result["rows"]["inserted"] == 24
    with psycopg.connect(database_url) as connection:
        for table in ("metrics", "instances", "ingest_runs"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_bad_event_is_refused_before_anything_is_asked(handler: Any) -> None:
    with pytest.raises(EventError, match="lookback_hours"):
        handler({"lookback_hours": "a day"}, Context())


def test_a_missing_parameter_says_how_to_make_it(handler: Any, database_url: str) -> None:
    with pytest.raises(ConfigurationError, match="put-parameter"):
        handler(EVENT, Context())
    with psycopg.connect(database_url) as connection:
        runs = connection.execute("SELECT status, instances_requested, error FROM ingest_runs")
        ((status, requested, error),) = runs.fetchall()
    assert (status, requested) == ("failed", 0)
    assert "put-parameter" in error


def logged(captured: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.splitlines()]


def test_one_log_line_and_one_set_of_metrics_a_run(
    handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    put_ids(ONE, TWO)
    publish(ONE)
    handler(EVENT, Context())
    line, emf = logged(capsys.readouterr().out)
    assert line["level"] == "INFO"
    assert line["message"] == "run finished"
    assert line["function_request_id"] == "c3a1f2d4"
    assert line["rows"] == {"inserted": 24, "updated": 0, "unchanged": 0}
    assert emf["InstancesOk"] == [1.0]
    assert emf["InstancesEmpty"] == [1.0]
    assert emf["RowsInserted"] == [24.0]
    assert emf["CompleteRuns"] == [1.0]
    age = (datetime.now(UTC) - END).total_seconds()
    assert emf["NewestHourAge"][0] == pytest.approx(age, abs=60)
    names = {metric["Name"] for metric in emf["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert {"MetricsBilled", "EstimatedCostUsd", "RunDuration", "InstancesFailed"} <= names


def test_a_refusal_is_one_line_with_its_mend(
    handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EventError):
        handler({"start": "2026-11-01T00:00:00Z"}, Context())
    (line,) = logged(capsys.readouterr().out)
    assert line["level"] == "ERROR"
    assert line["reason"] == "The event has no end."
    assert line["hint"]


def test_an_incomplete_run_keeps_what_it_got_and_names_the_rest(
    handler: Any,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_ids(ONE)
    publish(ONE)

    with pytest.raises(IncompleteRunError, match="1 of 1 instances"):
        handler(EVENT, Context(seconds=10))
    line, emf = logged(capsys.readouterr().out)
    assert line["level"] == "WARNING"
    assert line["failures"][0]["instance_id"] == ONE
    assert emf["InstancesFailed"] == [1.0]
    assert emf["CompleteRuns"] == [0.0]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT status FROM ingest_runs").fetchall() == [("failed",)]
