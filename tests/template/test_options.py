"""Which options go together, what each combination makes, and that none is ignored."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from ingest_fn.pipeline.catalogue import GROUPS
from tests.template.cloudformation import ROOT, Stack, database_template, transformed
from tests.template.combinations import (
    ADMIN,
    ALWAYS,
    BY_HAND,
    COMBINATIONS,
    DATABASE_COMBINATIONS,
    ELSEWHERE,
    GIVEN_SECRET,
    HOST,
    IAM,
    INSTANCE_ID,
    KEY,
    NETWORK,
    SECRET,
    TOPIC,
    Combination,
    every_combination,
)

WHOLE = {"Instances": INSTANCE_ID, **NETWORK, **HOST, **ADMIN, **IAM}

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


def test_every_combination_is_accepted() -> None:
    refused = {
        sentence: options for options in every_combination() for sentence in Stack(options).refusals
    }
    assert not refused


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (without("Instances"), "Give one of Instances"),
        (without(InstancesParameterName="/ids"), "Give only one of Instances"),
        (without(InstancesParameterPath="/ids/"), "Give only one of Instances"),
        (without("VpcId"), "Parameters: [VpcId] must have values"),
        (without("DatabaseHost"), "Parameters: [DatabaseHost] must have values"),
        (without("DatabaseSecurityGroupId"), "Give DatabaseSecurityGroupId, or DatabaseCidr"),
        (WHOLE | ELSEWHERE, "Give DatabaseSecurityGroupId, or DatabaseCidr"),
        (without("DatabaseAdminSecretArn"), "Give DatabaseAdminSecretArn, or set RunMigrations"),
        (WHOLE | BY_HAND, "Give DatabaseAdminSecretArn, or set RunMigrations"),
        (without("DatabaseResourceId"), "Give DatabaseResourceId"),
        (without(RuntimeSecretArn=SECRET), "With RuntimeAuth iam there is no RuntimeSecretArn"),
        (
            without("DatabaseAdminSecretArn", RunMigrations="false", RuntimeAuth="secret"),
            "Give RuntimeSecretArn",
        ),
        (WHOLE | GIVEN_SECRET | {"RuntimeUser": "me"}, "leave RuntimeUser out"),
        (
            without("DatabaseAdminSecretArn", **BY_HAND, **KEY),
            "SecretsKmsKeyArn is for a given secret",
        ),
        (
            without(AlarmEmail="a@example.com", AlarmTopicArn=TOPIC),
            "AlarmTopicArn or AlarmEmail",
        ),
        (without(Schedule="daily", FreshnessHours="6"), "leave Schedule at hourly"),
        (without(Schedule="daily", MonthlyBudgetUsd="10"), "leave Schedule at hourly"),
        (without(MonthlyBudgetUsd="10", FreshnessHours="6"), "leave FreshnessHours out"),
        (
            without("Instances", TargetsParameterPath="/targets/", MonthlyBudgetUsd="10"),
            "does not work for targets",
        ),
        (without(Metrics="ebs,memory"), "Metrics=memory needs DiscoverInstances"),
        (without(Metrics="ebs,disk"), "'Metrics'"),
        (without(Schedule="weekly"), "'Schedule'"),
        (without(LookbackHours="6"), "'LookbackHours'"),
        (without(Instances="i-1 i-2"), "'Instances'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_sentence(
    options: dict[str, str], sentence: str
) -> None:
    (refusal,) = Stack(options).refusals
    assert sentence in refusal


def test_the_metrics_that_the_template_takes_are_those_that_the_function_knows() -> None:
    assert set(transformed()["Parameters"]["Metrics"]["AllowedValues"]) == {"", *GROUPS}


def test_the_base_of_these_refusals_is_itself_accepted() -> None:
    assert not Stack(WHOLE).refusals


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"VpcId": "vpc-0123456789abcdef0", "Egress": "existing"}, "Give SubnetIds with VpcId"),
        (NETWORK, "Set Egress to existing with VpcId"),
        ({"Egress": "existing"}, "A new network has no way out yet"),
        ({"SubnetIds": "subnet-01234567"}, "Give VpcId with SubnetIds"),
        (
            {**NETWORK, "Egress": "existing", "AvailabilityZones": "eu-central-1a"},
            "leave AvailabilityZones out",
        ),
        ({**NETWORK, "Egress": "existing", "NetworkCidr": "10.0.0.0/16"}, "leave NetworkCidr out"),
    ],
)
def test_what_makes_no_sense_for_the_database_is_refused_in_one_sentence(
    options: dict[str, str], sentence: str
) -> None:
    (refusal,) = Stack(options, database_template()).refusals
    assert sentence in refusal


@pytest.mark.parametrize("options", DATABASE_COMBINATIONS.values(), ids=DATABASE_COMBINATIONS)
def test_the_outputs_of_the_database_are_parameters_of_the_function(
    options: dict[str, str],
) -> None:
    """One command passes them on: names, and values that a template of this kind could have."""
    outputs = Stack(options, database_template()).outputs
    assert outputs.keys() <= transformed()["Parameters"].keys()
    stands_for = WHOLE | {"UseIpv6": "true", "DatabasePort": "5432"}
    given = {
        name: value if isinstance(value, str) else stands_for[name]
        for name, value in outputs.items()
    }
    stack = Stack(given | {"Instances": INSTANCE_ID})
    assert not stack.refusals
    assert stack.parameters["UseIpv6"] == str(options.get("Egress") == "ipv6").lower()


OTHER = {
    "AWS::EC2::VPC::Id": "vpc-0fedcba9876543210",
    "List<AWS::EC2::Subnet::Id>": "subnet-76543210",
    "AlarmEmail": "other@example.com",
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:other",
    "AvailabilityZones": "eu-central-1a,eu-central-1c",
    "DatabaseAdminSecretArn": SECRET.replace("ingest", "other"),
    "DatabaseCidr": "10.9.9.0/24",
    "DatabaseHost": "other.example.com",
    "DatabaseName": "other",
    "DatabaseResourceId": "db-OTHER",
    "DatabaseSecurityGroupId": "sg-0fedcba9876543210",
    "DatapointsPerSecond": "100000",
    "DnsCidr": "10.9.9.0/28",
    "EnvironmentTag": "Stage",
    "InstanceClass": "db.t4g.small",
    "Instances": "i-0fedcba9876543210",
    "InstancesParameterName": "/other",
    "InstancesParameterPath": "/other/",
    "MonthlyBudgetUsd": "12.50",
    "NetworkCidr": "10.30.0.0/24",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/other",
    "RuntimeSecretArn": SECRET.replace("ingest", "other"),
    "RuntimeUser": "other",
    "SecretsKmsKeyArn": KEY["SecretsKmsKeyArn"].replace("0f", "1f"),
    "SubnetIds": "subnet-76543210,subnet-fedcba98",
    "TargetRoleName": "other",
    "TargetsParameterPath": "/other/targets/",
    "VpcId": "vpc-0fedcba9876543210",
}
"""Another valid value, by the parameter's name or type; numbers and choices have theirs."""

WITHOUT_EFFECT = {
    "DiscoverInstances": ("With TargetsParameterPath it always may.", {}),
    "EnvironmentTag": ("With RunMigrations, ", {"RunMigrations": "false"}),
    "TargetRoleName": ("With TargetsParameterPath, ", {"TargetsParameterPath": ""}),
    "DatabaseResourceId": (
        "With RuntimeAuth iam or RunMigrations, ",
        {"RuntimeAuth": "secret", "RunMigrations": "false"},
    ),
}
"""Parameters that do nothing where others have these values, which their description says."""


def other(name: str, declared: dict[str, Any], now: str) -> str:
    """A value that the parameter could have instead."""
    if "AllowedValues" in declared:
        return next(str(one) for one in declared["AllowedValues"] if str(one) != now)
    if declared["Type"] == "Number":
        return str(int(now) + 1)
    return OTHER[name if name in OTHER else declared["Type"]]


def ignored(options: dict[str, str], template: dict[str, Any]) -> set[str]:
    """Parameters of which another value is neither refused nor changes anything."""
    stack = Stack(options, template)
    found = set()
    for name, declared in template["Parameters"].items():
        now = options.get(name, str(declared.get("Default", "")))
        changed = Stack(options | {name: other(name, declared, now)}, template)
        same = (changed.resources, changed.outputs) == (stack.resources, stack.outputs)
        if not changed.refusals and same:
            found.add(name)
    return found


@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS)
def test_no_parameter_is_ignored_silently(combination: Combination) -> None:
    template = transformed()
    for name in ignored(combination.options, template):
        said, where = WITHOUT_EFFECT[name]
        assert {one: combination.options.get(one, "") for one in where} == where
        assert said in template["Parameters"][name]["Description"]
        assert where or combination.options.get("TargetsParameterPath")


@pytest.mark.parametrize("options", DATABASE_COMBINATIONS.values(), ids=DATABASE_COMBINATIONS)
def test_no_parameter_of_the_database_is_ignored_silently(options: dict[str, str]) -> None:
    assert not ignored(options, database_template())


@pytest.mark.parametrize("environment", ["default", "database", "prod"])
def test_the_environments_of_samconfig_are_options_that_go_together(environment: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    given = config["deploy"]["parameters"]
    pairs = dict(pair.split("=", 1) for pair in given.get("parameter_overrides", []))
    if environment == "prod":
        assert not Stack(pairs).refusals
    else:
        assert not pairs
    names = {"default": "hourmeter", "database": "hourmeter-database", "prod": "hourmeter-prod"}
    assert config["global"]["parameters"]["stack_name"] == names[environment]
    assert given.get("template_file") == ("database.yaml" if environment == "database" else None)
