"""Which options go together, and what each supported combination makes."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.template.cloudformation import ROOT, Stack
from tests.template.combinations import (
    ADMIN,
    ALWAYS,
    COMBINATIONS,
    HOST,
    IAM,
    INSTANCE_ID,
    NETWORK,
    NEW_NETWORK,
    Combination,
)

IDS = {"InstanceIds": INSTANCE_ID}
WHOLE = {**IDS, **NETWORK, **HOST, **ADMIN, **IAM}

HASH = re.compile(r"(?<=Layer|rsion)[0-9a-f]{10}$")
"""What the transform adds to the names of layers and versions."""


def without(*names: str, **others: str) -> dict[str, str]:
    return {name: value for name, value in WHOLE.items() if name not in names} | others


@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS)
def test_a_supported_combination_is_accepted_and_makes_what_it_needs(
    combination: Combination,
) -> None:
    stack = Stack(combination.options)
    assert not stack.refusals
    assert {HASH.sub("", name) for name in stack.resources} == ALWAYS | combination.makes


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (without("InstanceIds"), "Give one of InstanceIds"),
        (without(InstanceIdsParameterName="/ids"), "Give one of InstanceIds"),
        (without(InstanceIdsParameterPath="/ids/"), "Give one of InstanceIds"),
        (without("VpcId"), "Give VpcId and SubnetIds"),
        (without("SubnetIds"), "Give VpcId and SubnetIds"),
        (IDS | NEW_NETWORK, "set Egress to endpoints or ipv6"),
        (without(CreateNetwork="true", Egress="ipv6"), "set CreateDatabase to true"),
        (without("DatabaseHost"), "Give DatabaseHost"),
        (without("DatabaseSecurityGroupId"), "Give DatabaseSecurityGroupId, or DatabaseCidr"),
        (without(CreateProxy="true"), "name an existing proxy as DatabaseHost"),
        (without("DatabaseAdminSecretArn"), "Give DatabaseAdminSecretArn"),
        (without("DatabaseResourceId"), "Give DatabaseResourceId"),
        (without(RunMigrations="false", RuntimeAuth="secret"), "Give RuntimeSecretArn"),
        (
            without(AlarmEmail="a@example.com", AlarmTopicArn="arn:aws:sns:r:1:a"),
            "AlarmTopicArn or AlarmEmail",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    options: dict[str, str], sentence: str
) -> None:
    (refusal,) = Stack(options).refusals
    assert sentence in refusal


def test_the_base_of_these_refusals_is_itself_accepted() -> None:
    assert not Stack(WHOLE).refusals


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_environments_of_samconfig_are_options_that_go_together(environment: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    pairs = config["deploy"]["parameters"]["parameter_overrides"]
    assert not Stack(dict(pair.split("=", 1) for pair in pairs)).refusals
