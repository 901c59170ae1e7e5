"""What comes before what, in every combination of options, as the built template says it."""

from __future__ import annotations

import pytest

from tests.template.cloudformation import Stack, database_template
from tests.template.combinations import (
    ADMIN,
    DATABASE_COMBINATIONS,
    GIVEN_SECRET,
    HOST,
    IAM,
    INSTANCE_ID,
    NETWORK,
    OWN_SECRET,
    SECRET,
    every_combination,
)
from tests.template.graph import before, direct, order, references

NEED_TABLES = {
    "IngestFunction",
    "IngestFunctionSchedule",
    "PlanFunction",
    "SummaryFunction",
    "FanOutMachine",
    "FanOutMachineSchedule",
}
WHOLE = {"Instances": INSTANCE_ID, **NETWORK, **HOST, **ADMIN, **IAM}
databases = pytest.mark.parametrize(
    "options", DATABASE_COMBINATIONS.values(), ids=DATABASE_COMBINATIONS
)


@pytest.fixture(scope="module")
def stacks() -> list[Stack]:
    return [Stack(options) for options in every_combination()]


def test_there_are_as_many_combinations_as_the_options_allow(stacks: list[Stack]) -> None:
    made = {frozenset(stack.resources) for stack in stacks}
    assert len(stacks) == 7 * 2 * 9 * 3
    assert len(made) == 48


def test_everything_that_is_referred_to_exists_and_nothing_waits_in_a_circle(
    stacks: list[Stack],
) -> None:
    for stack in stacks:
        graph = direct(stack)
        assert set().union(*graph.values()) <= graph.keys(), stack.parameters
        assert len(order(graph)) == len(graph)
        shown = {name for name in references(stack.outputs) if not name.startswith("AWS::")}
        assert shown <= graph.keys()


def test_tables_come_before_the_code_that_needs_them_and_its_schedule(stacks: list[Stack]) -> None:
    seen = 0
    for stack in stacks:
        graph = direct(stack)
        for name in NEED_TABLES & graph.keys():
            needed = before(graph, name)
            assert needed >= {"Schema", "DatabaseAdmitsFunction"} & graph.keys()
            assert "IngestFunction" in needed or not name.startswith(("IngestFunctionS", "FanOut"))
            seen += "Schema" in needed
    assert seen > 300


def test_the_migration_finds_all_that_it_needs(stacks: list[Stack]) -> None:
    for stack in (one for one in stacks if "Schema" in one.resources):
        graph = direct(stack)
        expected = {
            *("MigrateFunction", "MigrateRole", "MigrateLogGroup", "FunctionSecurityGroup"),
            *("MigrationResult", "SchemaResourceFunction", "SchemaResourceRole"),
            *({"DatabaseAdmitsFunction", "RuntimeSecret"} & graph.keys()),
        }
        assert before(graph, "Schema") >= expected
        assert "IngestFunction" not in before(graph, "Schema")


def test_each_function_finds_its_role_and_its_log_group_and_leaves_them_last(
    stacks: list[Stack],
) -> None:
    """Deletion goes the other way: a role that goes first would leave network interfaces behind."""
    for stack in stacks:
        graph = direct(stack)
        for name, function in stack.of_type("AWS::Lambda::Function").items():
            (role, _), group = (
                function["Role"]["Fn::GetAtt"],
                function["LoggingConfig"]["LogGroup"]["Ref"],
            )
            assert {role, group} <= before(graph, name)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (WHOLE, {"DatabaseHost": "other.example.com"}),
        (WHOLE, {"DatabasePort": "5433"}),
        (WHOLE, {"DatabaseName": "other"}),
        (WHOLE, {"DatabaseResourceId": "db-OTHER"}),
        (WHOLE, {"RuntimeUser": "other"}),
        (WHOLE, OWN_SECRET),
        (WHOLE | OWN_SECRET, {"RuntimeAuth": "iam"}),
        (WHOLE | OWN_SECRET, {"RuntimeUser": "other"}),
        (WHOLE | OWN_SECRET, {"RuntimeSecretArn": SECRET}),
        (WHOLE | GIVEN_SECRET, {"RuntimeSecretArn": SECRET.replace("ingest", "other")}),
        (WHOLE, {"DatabaseAdminSecretArn": SECRET}),
        (WHOLE, {"EnvironmentTag": "Stage"}),
    ],
)
def test_what_the_tables_and_roles_depend_on_runs_the_migration_again(
    options: dict[str, str], change: dict[str, str]
) -> None:
    """Each update of the database's place, the runtime role or how it logs in."""
    one, other = Stack(options), Stack(options | change)
    assert not one.refusals
    assert not other.refusals
    assert one["Schema"] != other["Schema"]


@pytest.mark.parametrize(
    "change",
    [
        {"Schedule": "daily"},
        {"DiscoverInstances": "true"},
        {"MemorySize": "1024"},
        {"Instances": "all"},
        {"UseIpv6": "true"},
    ],
)
def test_nothing_else_does(change: dict[str, str]) -> None:
    assert Stack(WHOLE)["Schema"] == Stack(WHOLE | change)["Schema"]


def test_new_code_of_the_migration_runs_it_again() -> None:
    version = Stack(WHOLE)["Schema"]["CodeVersion"]["Ref"]
    assert version.startswith("MigrateFunctionVersion")


@databases
def test_the_database_is_the_last_of_its_stack(options: dict[str, str]) -> None:
    """It takes ten minutes, and nothing that fails after it can take it along."""
    stack = Stack(options, database_template())
    assert not stack.refusals
    graph = direct(stack)
    assert set().union(*graph.values()) <= graph.keys()
    left_out = graph.keys() - {"Database"} - before(graph, "Database")
    assert not left_out
    assert order(graph)[-1] == "Database"


def test_subnets_with_ipv6_wait_for_their_range() -> None:
    graph = direct(Stack({"Egress": "ipv6"}, database_template()))
    for subnet in ("SubnetA", "SubnetB"):
        assert "Ipv6Range" in before(graph, subnet)
