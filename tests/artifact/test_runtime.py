"""The artifact run under the Lambda runtime: AWS's emulator and its own client for Python."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from ingest_fn.local.aws import LocalAws
from ingest_fn.pipeline.model import utc
from tests.cloudwatch import CloudWatch, running_cloudwatch
from tests.lambda_runtime import ROOT, Artifact, Lambda, running
from tests.making import DAY, instance_id
from tests.postgres import Server, stored_rows

ONE = instance_id(1)
SAMPLE = "i-0123456789abcdef0"
PARAMETER = "/fleet/instance-ids"
EVENTS = sorted(path.name for path in (ROOT / "events").glob("*.json"))


@pytest.mark.parametrize(
    ("function", "layers", "handler"),
    [
        ("IngestFunction", ["DependencyLayer"], "ingest_fn.app"),
        ("PlanFunction", ["DependencyLayer"], "ingest_fn.fan_out.app"),
        ("SummaryFunction", ["DependencyLayer"], "ingest_fn.fan_out.app"),
        ("MigrateFunction", ["DependencyLayer", "MigrationLayer"], "ingest_fn.deploy.migrate"),
        # It has no layer: Lambda's own botocore does, for which the layer's stands in.
        ("SchemaResourceFunction", ["DependencyLayer"], "ingest_fn.deploy.custom_resource"),
    ],
)
def test_every_module_imports_from_the_artifact_alone(
    artifact: Artifact, function: str, layers: list[str], handler: str
) -> None:
    folder = artifact.folder / function
    modules = [
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for path in folder.rglob("*.py")
        if path.name != "env.py"  # which Alembic runs, with a context of its own
    ]
    assert handler in modules
    path = [str(folder), *map(str, artifact.path_of(*layers))]
    program = f"import sys, importlib; sys.path[:0] = {path}\n" + "\n".join(
        f"importlib.import_module({module!r})" for module in modules
    )
    done = subprocess.run(
        [artifact.python, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def cloudwatch() -> Iterator[CloudWatch]:
    with running_cloudwatch() as service:
        for id_ in (ONE, SAMPLE):
            for stamp in DAY.hours:
                for metric in ("CPUUtilization", "NetworkIn", "NetworkOut"):
                    service.put(id_, metric, utc(stamp), 10.0)
        yield service


@pytest.fixture
def environment(aws: LocalAws, cloudwatch: CloudWatch, database_url: str) -> dict[str, str]:
    """What the template would set, but for the addresses."""
    boto3.client("ssm").put_parameter(Name=PARAMETER, Type="StringList", Value=f"{ONE},{SAMPLE}")
    return {
        **aws.environment(),
        "CLOUDWATCH_API": "metric-data",
        "AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch.url,
        "DATABASE_URL": database_url,
        "INSTANCE_IDS_PARAMETER": PARAMETER,
    }


@pytest.fixture
def function(artifact: Artifact, environment: dict[str, str], tmp_path: Path) -> Iterator[Lambda]:
    with running(artifact, tmp_path / "log", environment) as found:
        yield found


def test_every_sample_event_under_the_lambda_runtime(function: Lambda, database_url: str) -> None:
    results = {}
    for name in EVENTS:
        results[name] = function.invoke(json.loads((ROOT / "events" / name).read_text()))
        assert results[name].get("status") == "ok", results[name]
    assert results["scheduled.json"]["instances"]["requested"] == 2
    assert results["dry-run.json"]["dry_run"] is True
    assert results["one-instance.json"]["instances"]["requested"] == 1
    assert len([key for key in stored_rows(database_url) if key[1] in DAY.hours]) == 48
    assert function.init_ms() > 0


def test_the_log_has_one_summary_and_one_set_of_metrics_a_run(function: Lambda) -> None:
    function.invoke({"scheduled_time": "2026-11-23T10:15:00Z"})
    lines = function.log()
    (summary,) = [line for line in lines if line.get("message") == "run finished"]
    assert summary["instances"]["ok"] == 2
    (emf,) = [line for line in lines if "_aws" in line]
    assert emf["RowsInserted"] == [48.0]
    assert emf["CompleteRuns"] == [1.0]


def test_a_bad_event_is_refused_by_name(function: Lambda, database_url: str) -> None:
    answer = function.invoke({"lookback_hours": 24, "instance_id": ONE})
    assert answer["errorType"] == "EventError"
    assert "'instance_id'" in answer["errorMessage"]
    assert stored_rows(database_url) == {}


def test_a_run_that_is_not_whole_raises_after_storing_the_rest(
    function: Lambda, cloudwatch: CloudWatch, database_url: str
) -> None:
    cloudwatch.omitted.add(SAMPLE)
    answer = function.invoke({"scheduled_time": "2026-11-23T10:15:00Z"})
    assert answer["errorType"] == "IncompleteRunError"
    assert SAMPLE in answer["errorMessage"]
    assert {id_ for id_, _ in stored_rows(database_url)} == {ONE}


def test_a_run_out_of_time_reports_before_lambda_kills_it(
    artifact: Artifact, environment: dict[str, str], tmp_path: Path, database_url: str
) -> None:
    with running(artifact, tmp_path / "log", environment, timeout=10) as function:
        answer = function.invoke({"scheduled_time": "2026-11-23T10:15:00Z"})
    assert answer["errorType"] == "IncompleteRunError"
    assert "time was up" in answer["errorMessage"]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT status FROM ingest_runs").fetchall() == [("failed",)]


def test_the_migration_function_makes_tables_and_roles(
    artifact: Artifact, aws: LocalAws, postgres: Server, tmp_path: Path
) -> None:
    secret = boto3.client("secretsmanager").create_secret(
        Name="runtime", SecretString=json.dumps({"username": "runtime_of_test", "password": "x"})
    )
    with postgres.fresh_database("template0") as url:
        env: dict[str, Any] = {
            **aws.environment(),
            "DATABASE_URL": url,
            "RUNTIME_AUTH": "secret",
            "RUNTIME_SECRET_ARN": secret["ARN"],
        }
        with running(
            artifact,
            tmp_path / "log",
            env,
            handler="ingest_fn.deploy.migrate.lambda_handler",
            path=[
                artifact.folder / "MigrateFunction",
                *artifact.path_of("DependencyLayer", "MigrationLayer"),
            ],
        ) as function:
            first, again = function.invoke({}), function.invoke({})
        assert first["before"] is None, first
        assert again == {**first, "before": first["after"]}
