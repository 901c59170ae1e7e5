"""What the functions are given, held against what they use: the real code runs and is watched.

botocore tells of every call just before it is signed, and the settings read their variables
through a mapping that takes note.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any

import boto3
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ingest_fn.deploy import custom_resource, migrate
from ingest_fn.fan_out.fan_out import FanOut
from ingest_fn.ingester import Ingester
from ingest_fn.local.aws import LocalAws
from ingest_fn.postgres.login import login_for
from ingest_fn.settings import Settings
from ingest_fn.settings import fan_out as fan_out_settings
from tests.accounts import Place
from tests.making import instance_id
from tests.postgres import Server
from tests.template.cloudformation import REGION, Stack, as_list
from tests.template.combinations import COMBINATIONS
from tests.template.watched import (
    Environment,
    actions_of,
    granted,
    needed_by_lambda,
    with_decryption,
)

ABSENT = {"AWS_REGION", "DATABASE_URL"}
"""Lambda itself sets the one; the other would hold a password."""

FOR_LIBRARIES = {"AWS_USE_DUALSTACK_ENDPOINT", "POWERTOOLS_SERVICE_NAME"}
"""What botocore and Powertools read."""

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
HOME = "123456789012"
OWN = {"account_id": HOME, "region": REGION, "selector": {"tag:Name": ["web"]}}
IN_ROLE = OWN | {"role_arn": f"arn:aws:iam::{HOME}:role/hourmeter-reader"}
BY_HAND = {"instance_ids": [instance_id(1)]}
OPTIONAL = {
    "DatapointsPerSecond": "CLOUDWATCH_DATAPOINTS_PER_SECOND",
    "RetentionMonths": "RETENTION_MONTHS",
}
"""Parameters whose default leaves the variable away."""

SOURCES = ("Instances", "InstancesParameterName", "InstancesParameterPath")

stacks = pytest.mark.parametrize("name", COMBINATIONS)
migrated = pytest.mark.parametrize(
    "name", [name for name, one in COMBINATIONS.items() if "Schema" in one.makes]
)


@pytest.fixture
def stack(name: str) -> Stack:
    return Stack(COMBINATIONS[name].options)


@pytest.fixture
def login(aws: LocalAws, database_url: str) -> str:
    """The ARN of a secret with the login of the local database."""
    parts = conninfo_to_dict(database_url)
    secret = json.dumps({"username": parts["user"], "password": parts["password"]})
    answer = boto3.client("secretsmanager").create_secret(Name="login", SecretString=secret)
    return str(answer["ARN"])


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[dict[str, Any]]:
    """A database without tables on a server that knows RDS's role for logins by token."""
    with postgres.fresh_database(template="template0") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE ROLE rds_iam")
        yield conninfo_to_dict(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP ROLE rds_iam")


def put_selection(name: str, text: str) -> None:
    boto3.client("ssm").put_parameter(Name=name, Type="StringList", Value=text, Overwrite=True)


def put_ids(name: str, count: int) -> None:
    name = f"{name}fleet-1" if name.endswith("/") else name
    value = ",".join(map(instance_id, range(count)))
    boto3.client("ssm").put_parameter(Name=name, Type="StringList", Value=value, Overwrite=True)


def ingest(env: Environment, event: object = MappingProxyType({})) -> None:
    ingester = Ingester(env)
    ingester.ingest(event, now=NOW, time_left=lambda: 60.0)
    ingester.close()


def fan_out(env: Environment) -> None:
    """Plan targets with a role and without one, and read each."""
    path = env["TARGETS_PARAMETER"]
    targets = [OWN, IN_ROLE]
    if own := env.get("INSTANCE_IDS_PARAMETER"):
        put_ids(own, 1)
        targets.append({"account_id": HOME, "region": REGION, "parameter": own})
    value = json.dumps(targets)
    boto3.client("ssm").put_parameter(Name=f"{path}all", Type="String", Value=value)
    planner = FanOut(env)
    planner.plan({}, execution="arn:execution", started_at=NOW.isoformat(), home=HOME)
    planner.close()
    for target in targets:
        ingest(env, {"target": target})


@stacks
def test_the_ingestion_may_do_what_it_does_and_nothing_else(
    stack: Stack, database_url: str, login: str
) -> None:
    variables = stack.environment("IngestFunction") | {"AWS_REGION": REGION}
    given = stack.parameters
    parameter = str(given["InstancesParameterName"] or given["InstancesParameterPath"] or "/ids")
    local = {"DATABASE_URL": database_url}
    if "INSTANCE_IDS_PARAMETER" in variables:
        local["INSTANCE_IDS_PARAMETER"] = parameter
    used = needed_by_lambda(stack, "IngestFunction")
    if "PlanFunction" in stack.resources:
        Place(HOME, REGION).launch(1, "web")
        used |= actions_of(partial(fan_out, Environment(variables, local)))
        used |= actions_of(partial(ingest, Environment(variables, local), BY_HAND))
    # A small fleet, and one so large that "auto" takes the other API.
    for count, runs in ((1, "730"), (60, "44640")) if "INSTANCE_IDS_PARAMETER" in variables else ():
        put_ids(parameter, count)
        env = Environment(variables, local, {"RUNS_PER_MONTH": runs})
        used |= actions_of(partial(ingest, env))

    if given["DiscoverInstances"] == "true":
        Place(HOME, REGION).launch(2, "web")
        put_selection(parameter, str(given["Instances"]))
        used |= actions_of(partial(ingest, Environment(variables, local)))

    elsewhere = {"DATABASE_SECRET_ARN": login, "DATABASE_HOST": "database"}
    settings = Settings.from_env(Environment(variables, elsewhere))
    used |= actions_of(lambda: login_for(settings.database, REGION).kwargs())
    assert granted(stack, "IngestRole") == with_decryption(stack, used)


@migrated
def test_the_migration_may_do_what_it_does_and_nothing_else(
    stack: Stack, empty_database: dict[str, Any], login: str
) -> None:
    local = {
        "AWS_REGION": REGION,
        "DATABASE_HOST": empty_database["host"],
        "DATABASE_PORT": empty_database["port"],
        "DATABASE_NAME": empty_database["dbname"],
        "DATABASE_SSLMODE": "disable",
        "DATABASE_SECRET_ARN": login,
    }
    given = stack.environment("MigrateFunction")
    if "RUNTIME_SECRET_ARN" in given:
        secret = json.dumps({"username": "ingest_runtime", "password": "made-up"})
        client = boto3.client("secretsmanager")
        local["RUNTIME_SECRET_ARN"] = client.create_secret(Name="run", SecretString=secret)["ARN"]
    env = Environment(given, local)
    used = needed_by_lambda(stack, "MigrateFunction") | actions_of(lambda: migrate.migrate(env))
    assert granted(stack, "MigrateRole") == with_decryption(stack, used)
    assert env.read - given.keys() == ABSENT | {"DATABASE_USER"}
    assert given.keys() - env.read <= FOR_LIBRARIES


@migrated
def test_the_custom_resource_may_call_the_migration_and_nothing_else(
    stack: Stack, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="answers", CreateBucketConfiguration={"LocationConstraint": REGION})
    variables = stack["SchemaResourceFunction"]["Environment"]["Variables"]
    name = stack["MigrateFunction"]["FunctionName"]
    assert variables == {"MIGRATE_FUNCTION_NAME": name}
    monkeypatch.setenv("MIGRATE_FUNCTION_NAME", "ingest-migrate")
    event = {
        "RequestType": "Create",
        "ResponseURL": f"{aws.url}/answers/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Schema",
    }
    used = actions_of(lambda: custom_resource.lambda_handler(event, None))
    used |= needed_by_lambda(stack, "SchemaResourceFunction")
    assert granted(stack, "SchemaResourceRole") == used
    answer = json.load(s3.get_object(Bucket="answers", Key="answer")["Body"])
    assert "ingest-migrate" in answer["Reason"]


@stacks
def test_every_variable_that_the_settings_read_is_set_and_no_other(stack: Stack) -> None:
    given = stack.environment("IngestFunction")
    env = Environment(given, {"AWS_REGION": REGION, "DATABASE_HOST": "database"})
    settings = Settings.from_env(env)
    planner = Environment(given, {"TARGETS_PARAMETER": "/targets/"})
    fan_out_settings(planner)
    env.read |= planner.read
    by_token = stack.parameters["RuntimeAuth"] == "iam"
    absent = ABSENT | ({"DATABASE_SECRET_ARN"} if by_token else {"DATABASE_USER"})
    for option, variable in OPTIONAL.items():
        if stack.parameters[option] in {"", "0"}:
            absent.add(variable)
    if not any(stack.parameters[name] for name in SOURCES):
        absent.add("INSTANCE_IDS_PARAMETER")
    assert env.read - given.keys() == absent
    assert given.keys() - env.read <= FOR_LIBRARIES
    assert settings.database.sslmode == "verify-full"


@stacks
def test_the_own_parameter_is_granted_in_every_region_where_targets_may_name_it(
    stack: Stack,
) -> None:
    found = [one for one in stack.statements("IngestRole") if one["Sid"] == "ReadInstances"]
    assert len(found) == any(stack.parameters[name] for name in SOURCES)
    for arn in (json.dumps(arn) for one in found for arn in as_list(one["Resource"])):
        assert (":ssm:*:" in arn) == ("FanOutMachine" in stack.resources)
        assert ("AWS::Region" in arn) != (":ssm:*:" in arn)


def test_the_state_machine_may_follow_its_parts_by_both_forms_of_their_arns() -> None:
    stack = Stack(COMBINATIONS["many accounts and Regions"].options)
    (follow,) = (one for one in stack.statements("FanOutRole") if one["Sid"] == "FollowParts")
    ends = {arn["Fn::Sub"].rpartition("-fan-out")[2] for arn in follow["Resource"]}
    assert ends == {"/*", ":*"}
    assert stack.outputs["IngestRoleArn"] == {"Fn::GetAtt": ["IngestRole", "Arn"]}


@stacks
def test_the_schedule_may_start_the_one_thing_and_keep_what_it_cannot(stack: Stack) -> None:
    fans_out = "FanOutMachine" in stack.resources
    assert stack.allowed("ScheduleRole") == {
        "Start": {"states:StartExecution" if fans_out else "lambda:InvokeFunction"},
        "KeepUndelivered": {"sqs:SendMessage"},
    }
