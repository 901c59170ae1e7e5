"""Every combination of options, created by an emulated CloudFormation.

moto makes networks, roles, queues, databases and functions and connects them, so a reference to
something that an option leaves out fails here. It skips schedules, alarms, secrets and proxies,
which cfn-lint alone looks at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.template.cloudformation import REGION, Stack, transformed, values_of
from tests.template.combinations import COMBINATIONS, Combination
from tests.template.emulated import (
    KINDS_UNKNOWN_TO_MOTO,
    STACK,
    Created,
    existing,
    for_moto,
    upload_code,
)

pytestmark = pytest.mark.filterwarnings(
    # moto says so of every schedule, alarm, secret and proxy.
    "ignore:Tried to parse .* not supported by moto:UserWarning",
)


@pytest.fixture(
    scope="module", params=[pytest.param(one, id=name) for name, one in COMBINATIONS.items()]
)
def created(request: pytest.FixtureRequest) -> Iterator[Created]:
    combination: Combination = request.param
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        options = combination.options | existing(combination.options)
        upload_code()
        template = for_moto(transformed())
        del template["Resources"]["Schema"]
        client = boto3.client("cloudformation")
        client.create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in options.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = client.describe_stacks(StackName=STACK)["Stacks"]
        resources = client.describe_stack_resources(StackName=STACK)["StackResources"]
        yield Created(
            Stack(options),
            {
                one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
                for one in resources
                if "LogicalResourceId" in one  # moto lists what it skipped, too
            },
            stack["StackStatus"],
            {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]},
        )


def test_it_stands(created: Created) -> None:
    assert created.status == "CREATE_COMPLETE"
    expected = {
        name
        for name, resource in created.described.resources.items()
        if resource["Type"] not in KINDS_UNKNOWN_TO_MOTO
    }
    assert created.physical.keys() >= expected
    assert created.outputs["FunctionName"] == f"{STACK}-ingest"
    assert created.outputs["InvokeByHand"].startswith(f"sam remote invoke {STACK}-ingest ")
    assert all(created.outputs.values())


def test_the_function_is_put_where_it_belongs(created: Created) -> None:
    function = boto3.client("lambda").get_function_configuration(FunctionName=f"{STACK}-ingest")
    variables = function["Environment"]["Variables"]
    assert variables.keys() == created.described.environment("IngestFunction").keys()
    assert not [value for value in variables.values() if "{" in str(value)]
    place = function["VpcConfig"]
    assert place["SecurityGroupIds"] == [created.physical["FunctionSecurityGroup"]]
    assert len(place["SubnetIds"]) == 2


def test_security_groups_let_the_functions_through_and_nobody_else(created: Created) -> None:
    physical, parameters = created.physical, created.described.parameters
    functions = physical["FunctionSecurityGroup"]
    port = 5432
    assert created.comes_in(functions) == []

    away = {"existing": "0.0.0.0/0", "ipv6": "::/0"}.get(str(parameters["Egress"]))
    reached = {(443, away or physical["EndpointSecurityGroup"])}
    if away is None:
        assert created.comes_in(physical["EndpointSecurityGroup"]) == [(443, functions)]
    if "DatabaseSecurityGroup" in physical:
        database, proxy = physical["DatabaseSecurityGroup"], physical.get("ProxySecurityGroup")
        reached |= {(port, group) for group in (database, proxy) if group}
        admitted = {(port, group) for group in (functions, proxy) if group}
        assert set(created.comes_in(database)) == admitted
        if proxy:
            assert created.comes_in(proxy) == [(port, functions)]
            assert created.goes_out("ProxySecurityGroup") == {(port, database)}
    elif parameters["DatabaseCidr"]:
        reached.add((port, str(parameters["DatabaseCidr"])))
    else:
        group = str(parameters["DatabaseSecurityGroupId"])
        reached.add((port, group))
        assert created.comes_in(group) == [(port, functions)]
    assert created.goes_out("FunctionSecurityGroup") == reached


def test_no_rule_is_for_all_ports(created: Created) -> None:
    protocols = set(values_of(created.described.resources, "IpProtocol"))
    assert protocols <= {"tcp", "icmp"}


def test_a_new_database_is_encrypted_private_and_kept(created: Created) -> None:
    if "Database" not in created.physical:
        assert boto3.client("rds").describe_db_instances()["DBInstances"] == []
        return
    (database,) = boto3.client("rds").describe_db_instances()["DBInstances"]
    assert database["StorageEncrypted"]
    assert not database["PubliclyAccessible"]
    assert database["BackupRetentionPeriod"] == 7
    resource = created.described.resources["Database"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Snapshot",) * 2
    assert resource["Properties"]["DeletionProtection"] == "true"
    assert resource["Properties"]["ManageMasterUserPassword"] is True
    assert created.described["DatabaseParameters"]["Parameters"] == {"rds.force_ssl": "1"}
