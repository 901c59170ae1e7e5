"""Create, update, failure and delete of both stacks, played through in the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsal import fail_everywhere, stacks, updates
from tests.template.cloudformation import Options, database_template, transformed
from tests.template.combinations import COMBINATIONS, DATABASE_COMBINATIONS
from tests.template.simulator import Simulated, StuckError

KEPT = {
    *("Database", "UndeliveredQueue", "FailedEventsQueue", "RuntimeSecret", "AlarmTopic"),
    *("AlarmKey", "InstancesParameter"),
}
"""What holds data, events or an address that people have confirmed, beside every log group."""

both = pytest.mark.parametrize("name", [*COMBINATIONS, *DATABASE_COMBINATIONS])


@pytest.fixture
def stack(name: str) -> tuple[Options, dict[str, Any]]:
    return next(
        (options, template) for title, options, template in stacks() if title.endswith(f", {name}")
    )


def created(options: Options, template: dict[str, Any]) -> Simulated:
    stack = Simulated(template)
    assert stack.create(options)
    return stack


@both
def test_a_first_deployment_that_fails_anywhere_leaves_nothing(
    stack: tuple[Options, dict[str, Any]],
) -> None:
    for name, failed in fail_everywhere(*stack).items():
        made = [line.removeprefix("create ") for line in failed.log if line.startswith("create")]
        gone = [line.removeprefix("delete ") for line in failed.log if line.startswith("delete")]
        assert failed.things == {}
        assert gone == made[::-1]
        assert "Database" not in made, f"{name} fails after the database is made"


@both
def test_no_update_replaces_what_is_to_be_kept_or_meets_a_taken_name(
    stack: tuple[Options, dict[str, Any]],
) -> None:
    options, template = stack
    for name, _, changed in updates(options, template):
        one = created(options, template)
        before = {thing: one.things[thing].number for thing in one.things}
        one.update(changed)
        assert not [line for line in one.log if line.startswith("failed")], name
        for thing in {t for t in before if t in KEPT or t.endswith("LogGroup")} & one.things.keys():
            assert one.things[thing].number == before[thing], (name, thing)


@both
def test_an_update_that_fails_is_taken_back(stack: tuple[Options, dict[str, Any]]) -> None:
    options, template = stack
    seen = 0
    for _, _, changed in updates(options, template):
        one = created(options, template)
        before = dict(one.things)
        begun = len(one.log)
        if not one.update(changed):
            continue
        touched = {line.split(" ")[1] for line in one.log[begun:] if not line.startswith("delete")}
        for name in touched:
            again = created(options, template)
            assert not again.update(changed, failing=name)
            assert again.things.keys() == before.keys()
            seen += 1
    assert seen > 5


@both
def test_deletion_leaves_nothing_and_takes_the_database_s_last_snapshot(
    stack: tuple[Options, dict[str, Any]],
) -> None:
    one = created(*stack)
    database = "Database" in one.things
    one.delete()
    assert one.things == {}
    assert one.snapshots == database


def test_functions_go_before_what_their_network_interfaces_need() -> None:
    one = created(COMBINATIONS["many accounts and Regions"].options, transformed())
    begun = len(one.log)
    one.delete()
    gone = {line.removeprefix("delete "): at for at, line in enumerate(one.log[begun:])}
    for function in ("IngestFunction", "PlanFunction", "SummaryFunction", "MigrateFunction"):
        assert gone[function] < gone["FunctionSecurityGroup"]
        assert gone[function] < gone["MigrateRole" if function[0] == "M" else "IngestRole"]
    assert gone["DatabaseAdmitsFunction"] < gone["FunctionSecurityGroup"]
    assert gone["Schema"] < gone["SchemaResourceFunction"]
    assert gone["IngestFunctionSchedule"] < gone["IngestFunction"] < gone["Schema"]


def test_a_protected_database_is_deleted_once_the_protection_is_lifted() -> None:
    one = created({}, database_template())
    assert one.update({"DeletionProtection": "true"})
    with pytest.raises(StuckError, match="DELETE_FAILED: Database is protected"):
        one.delete()
    assert "Database" in one.things
    again = created({"DeletionProtection": "true"}, database_template())
    assert again.update({"DeletionProtection": "false"})
    again.delete()
    assert again.things == {}


def test_the_simulator_finds_the_trap_of_a_protected_database_that_others_follow() -> None:
    """What the stack would do if anything came after a database that is protected at once."""
    template = {**database_template()}
    late = {"Type": "AWS::SQS::Queue", "DependsOn": "Database", "Properties": {}}
    template["Resources"] = {**template["Resources"], "Late": late}
    with pytest.raises(StuckError, match="ROLLBACK_FAILED: Database is protected"):
        Simulated(template).create({"DeletionProtection": "true"}, failing="Late")


def test_the_simulator_finds_a_replacement_under_the_same_name() -> None:
    """Another login name of the administrator is another database, and the name is taken."""
    one = created({}, database_template())
    template = {**database_template()}
    database = template["Resources"]["Database"]
    properties = {**database["Properties"], "MasterUsername": "somebody"}
    template["Resources"] = {
        **template["Resources"],
        "Database": {**database, "Properties": properties},
    }
    one.template = template
    assert not one.update({"BackupDays": "8"})
    assert (
        one.log[-1]
        == "failed: Database: its DBInstanceIdentifier is taken, by what it would replace"
    )
