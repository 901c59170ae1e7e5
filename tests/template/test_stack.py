"""The function's stack in every combination, created by an emulated CloudFormation.

moto makes networks, roles, queues and functions and connects them, so a reference to something
that an option leaves out fails here. It skips schedules, alarms and secrets, which cfn-lint alone
looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.template.cloudformation import database_template, transformed, values_of
from tests.template.combinations import COMBINATIONS
from tests.template.emulated import STACK, Created, created_from, emulator, whole

pytestmark = pytest.mark.filterwarnings(
    # moto says so of every schedule, alarm, secret and proxy.
    "ignore:Tried to parse .* not supported by moto:UserWarning",
)


@pytest.fixture(scope="module", params=COMBINATIONS)
def created(request: pytest.FixtureRequest) -> Iterator[Created]:
    with (
        emulator(),
        created_from(COMBINATIONS[request.param].options, transformed()) as found,
    ):
        yield found


def test_it_is_made_whole(created: Created) -> None:
    assert whole(created)
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
    assert created.comes_in(functions) == []
    reached = {(443, "::/0" if parameters["UseIpv6"] == "true" else "0.0.0.0/0")}
    if parameters["DnsCidr"]:
        reached.add((53, str(parameters["DnsCidr"])))
    if parameters["DatabaseCidr"]:
        reached.add((5432, str(parameters["DatabaseCidr"])))
    else:
        group = str(parameters["DatabaseSecurityGroupId"])
        reached.add((5432, group))
        assert created.comes_in(group) == [(5432, functions)]
    assert created.goes_out("FunctionSecurityGroup") == reached


@pytest.mark.parametrize("template", [transformed, database_template])
def test_no_rule_is_for_all_ports(template: Callable[[], dict[str, Any]]) -> None:
    assert set(values_of(template(), "IpProtocol")) <= {"tcp", "udp", "icmp"}
