"""A simulator of CloudFormation's own work: what it makes, changes, replaces, deletes, and when.

It knows no AWS service. It knows the dependency graph, the properties that cannot change without a
replacement (``createOnlyProperties`` of the provider schemas that cfn-lint carries), names that are
taken, deletion policies and RDS's deletion protection. That is where a stack gets stuck.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.template.cloudformation import REGION, Options, Stack
from tests.template.graph import direct, order, references

NAMES = {
    *("AlarmName", "DashboardName", "DBInstanceIdentifier", "FunctionName", "LogGroupName", "Name"),
    *("QueueName", "RoleName", "StateMachineName", "TopicName"),
}
"""Properties that name a thing; two of the same kind and name cannot exist together."""


class StuckError(Exception):
    """A state that takes a person: ROLLBACK_FAILED, UPDATE_ROLLBACK_FAILED, DELETE_FAILED."""


class _FailedError(Exception):
    """A resource could not be made or changed. CloudFormation takes everything back."""


@functools.cache
def create_only(kind: str) -> frozenset[str]:
    """Properties of which another value means another resource."""
    if kind.startswith("Custom::"):
        return frozenset({"ServiceToken"})
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return frozenset(path.split("/")[2] for path in schema.get("createOnlyProperties", []))


@dataclass
class Thing:
    """A resource that exists."""

    number: int
    kind: str
    properties: dict[str, str]
    """Each as text, with the numbers of what it refers to."""
    policy: str
    protected: bool


@dataclass
class Simulated:
    """One stack's life."""

    template: dict[str, Any]
    things: dict[str, Thing] = field(default_factory=dict)
    options: Options = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    snapshots: int = 0
    _made: int = 0

    def create(self, options: Options, *, failing: str | None = None) -> bool:
        """Whether it stands; False: it was taken back. Raises StuckError."""
        return self._to(options, failing, "ROLLBACK_FAILED")

    def update(self, options: Options, *, failing: str | None = None) -> bool:
        """Whether it changed; False: it is as before. Raises StuckError."""
        return self._to(options, failing, "UPDATE_ROLLBACK_FAILED")

    def delete(self) -> None:
        """Take it down. Raises StuckError."""
        graph = direct(Stack(self.options, self.template))
        for name in reversed(order(graph)):
            self._delete(name, self.things.pop(name), "DELETE_FAILED")

    def _to(self, options: Options, failing: str | None, stuck: str) -> bool:
        stack = Stack(options, self.template)
        if stack.refusals:
            self.log.append(f"refused: {stack.refusals[0]}")
            return False
        before, old = dict(self.things), list[tuple[str, Thing]]()
        fresh: list[tuple[str, Thing]] = []
        try:
            for name in order(direct(stack)):
                self._bring(name, stack, failing, old, fresh)
        except _FailedError as error:
            self.log.append(f"failed: {error}")
            self.things = before
            for name, thing in reversed(fresh):
                self._delete(name, thing, stuck)
            return False
        gone = [name for name in self.things if name not in stack.resources]
        graph = direct(Stack(self.options, self.template)) if self.options else {}
        leaving = [(name, self.things.pop(name)) for name in reversed(order(graph)) if name in gone]
        for name, thing in [*reversed(old), *leaving]:
            self._delete(name, thing, stuck)
        self.options = options
        return True

    def _bring(
        self,
        name: str,
        stack: Stack,
        failing: str | None,
        old: list[tuple[str, Thing]],
        fresh: list[tuple[str, Thing]],
    ) -> None:
        wanted = self._wanted(stack.resources[name])
        now = self.things.get(name)
        if now is not None and now.properties == wanted.properties:
            return
        if name == failing:
            raise _FailedError(f"{name} could not be made or changed")
        if now is None:
            verb = "create"
        elif self._changed(now, wanted) & create_only(wanted.kind):
            self._refuse_a_taken_name(name, now, wanted)
            verb = "replace"
            old.append((name, now))
        else:
            verb = "change"
            wanted.number = now.number
        if verb != "change":
            self._made += 1
            wanted.number = self._made
            fresh.append((name, wanted))
        self.log.append(f"{verb} {name}")
        self.things[name] = wanted

    def _wanted(self, resource: dict[str, Any]) -> Thing:
        properties = resource.get("Properties", {})
        text = {
            key: json.dumps([value, [self._number(one) for one in references(value)]])
            for key, value in properties.items()
        }
        return Thing(
            0,
            resource["Type"],
            text,
            resource.get("DeletionPolicy", "Delete"),
            str(properties.get("DeletionProtection", "false")) == "true",
        )

    def _number(self, name: str) -> int:
        return self.things[name].number if name in self.things else 0

    @staticmethod
    def _changed(one: Thing, other: Thing) -> set[str]:
        keys = one.properties.keys() | other.properties.keys()
        return {key for key in keys if one.properties.get(key) != other.properties.get(key)}

    @staticmethod
    def _refuse_a_taken_name(name: str, now: Thing, wanted: Thing) -> None:
        for key in NAMES & create_only(wanted.kind) & wanted.properties.keys():
            if now.properties.get(key) == wanted.properties[key]:
                raise _FailedError(f"{name}: its {key} is taken, by what it would replace")

    def _delete(self, name: str, thing: Thing, stuck: str) -> None:
        if thing.protected:
            self.things[name] = thing
            raise StuckError(f"{stuck}: {name} is protected against deletion")
        self.snapshots += thing.policy == "Snapshot"
        self.log.append(f"delete {name}")
