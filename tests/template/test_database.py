"""The database's stack, created by an emulated CloudFormation, and the function's beside it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from tests.template.cloudformation import database_template, transformed
from tests.template.combinations import DATABASE_COMBINATIONS, INSTANCE_ID
from tests.template.emulated import STACK, Created, created_from, emulator, whole

pytestmark = pytest.mark.filterwarnings(
    # moto says so of every schedule, alarm, secret and proxy.
    "ignore:Tried to parse .* not supported by moto:UserWarning",
)


@pytest.fixture(scope="module", params=DATABASE_COMBINATIONS)
def database(request: pytest.FixtureRequest) -> Iterator[Created]:
    with (
        emulator(),
        created_from(DATABASE_COMBINATIONS[request.param], database_template(), "db") as found,
    ):
        yield found


def test_a_new_database_is_encrypted_and_private(database: Created) -> None:
    assert whole(database)
    (found,) = boto3.client("rds").describe_db_instances()["DBInstances"]
    assert found["StorageEncrypted"]
    assert not found["PubliclyAccessible"]
    assert found["BackupRetentionPeriod"] == 7
    described = database.described
    resource = described.resources["Database"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Snapshot",) * 2
    properties = resource["Properties"]
    assert properties["ManageMasterUserPassword"] is True
    # A first deployment that fails must be able to take back what it made.
    assert properties["DeletionProtection"] == "false"
    assert properties["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"


def test_the_database_lets_in_what_is_told_to_and_lets_nothing_out(database: Created) -> None:
    physical = database.physical
    assert database.comes_in(physical["DatabaseSecurityGroup"]) == []
    assert database.goes_out("DatabaseSecurityGroup") == {(252, "255.255.255.255/32")}
    endpoints = {name for name in physical if name.endswith("Endpoint")}
    with_ec2 = database.described.parameters["DiscoverInstances"] == "true"
    assert len(endpoints) == (3 + with_ec2 if "EndpointSecurityGroup" in physical else 0)
    for name in endpoints:
        assert database.described[name]["PrivateDnsEnabled"] is True


def test_the_function_s_stack_goes_beside_the_database_s(database: Created) -> None:
    """The outputs of the one, as they are, are parameters of the other."""
    given = database.outputs | {"Instances": INSTANCE_ID}
    with created_from(given, transformed()) as function:
        assert whole(function)
        assert not function.described.refusals
        group = database.physical["DatabaseSecurityGroup"]
        inside = [(5432, function.physical["FunctionSecurityGroup"])]
        assert database.comes_in(group) == inside
    cloudformation = boto3.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    assert [one["StackName"] for one in cloudformation.describe_stacks()["Stacks"]] == ["db"]
    assert boto3.client("lambda").list_functions()["Functions"] == []
    assert len(boto3.client("rds").describe_db_instances()["DBInstances"]) == 1
