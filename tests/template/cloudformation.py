"""The templates as CloudFormation sees them: built, transformed, resolved for chosen options."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from tests.lambda_runtime import session_build

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
DATABASE_TEMPLATE = ROOT / "database.yaml"
REGION = "eu-central-1"
BUCKET, KEY = "artifacts", "code"

Resource = dict[str, Any]
Options = Mapping[str, str]

_ABSENT = object()


def source(path: Path = TEMPLATE) -> dict[str, Any]:
    """A template as it is written, its tags in the long form (``Fn::If``)."""
    template: dict[str, Any] = yaml_parse(path.read_text())
    return template


def nodes(path: Path) -> yaml.Node:
    """A template with the line of every word."""
    return yaml.compose(path.read_text(), Loader=yaml.SafeLoader)


@functools.cache
def transformed() -> dict[str, Any]:
    """What the Serverless transform makes of the built template, as after ``sam package``."""
    folder = session_build().folder
    template = source(folder / "template.yaml")
    for resource in template["Resources"].values():
        for name in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            assert (folder / resource["Properties"][name]).is_dir()
            resource["Properties"][name] = f"s3://{BUCKET}/{KEY}"
        if "DefinitionUri" in resource.get("Properties", {}):
            definition = folder / resource["Properties"].pop("DefinitionUri")
            resource["Properties"]["Definition"] = json.loads(definition.read_text())
    with mock.patch.dict(os.environ, AWS_DEFAULT_REGION=REGION):
        result: dict[str, Any] = Translator({}, Parser()).translate(template, {})
    return result


@functools.cache
def database_template() -> dict[str, Any]:
    """database.yaml, which nothing builds."""
    return source(DATABASE_TEMPLATE)


class Stack:
    """A template with these options chosen: conditions decided, parameters in.

    ``refusals`` are the sentences with which CloudFormation would refuse the options.
    """

    def __init__(self, options: Options, template: dict[str, Any] | None = None) -> None:
        template = transformed() if template is None else template
        declared = template["Parameters"]
        unknown = options.keys() - declared.keys()
        assert not unknown, f"no such parameters: {unknown}"
        self._conditions = template["Conditions"]
        self._mappings = template.get("Mappings", {})
        self._decided: dict[str, bool] = {}
        self.parameters = {
            name: _given(one, options.get(name, one.get("Default", "")))
            for name, one in declared.items()
        }
        self.resources: dict[str, Resource] = {}
        self.outputs: dict[str, Any] = {}
        self.refusals = list(_refusals(declared, options))
        if self.refusals:
            return
        self.refusals = self._broken_rules(template["Rules"])
        self.resources = {
            name: self._resolved(resource)
            for name, resource in template["Resources"].items()
            if self._condition(resource.get("Condition"))
        }
        self.outputs = {
            name: self._resolved(output["Value"])
            for name, output in template["Outputs"].items()
            if self._condition(output.get("Condition"))
        }

    def __getitem__(self, name: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.resources[name]["Properties"]
        return properties

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of every resource of the type, by logical id."""
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def environment(self, function: str) -> dict[str, str]:
        """A function's variables. What only AWS can say stands as the intrinsic that asks it."""
        variables = self[function]["Environment"]["Variables"]
        return {name: str(value) for name, value in variables.items()}

    def allowed(self, role: str) -> dict[str, set[str]]:
        """The actions that a role is granted, by the statement's id."""
        return {
            statement["Sid"]: set(as_list(statement["Action"]))
            for statement in self.statements(role)
            if statement["Effect"] == "Allow"
        }

    def statements(self, role: str) -> list[dict[str, Any]]:
        """The statements of a role's one policy."""
        (policy,) = self[role]["Policies"]
        found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
        return found

    def _broken_rules(self, rules: dict[str, Any]) -> list[str]:
        return [
            assertion["AssertDescription"]
            for rule in rules.values()
            if self._holds(rule.get("RuleCondition", True))
            for assertion in rule["Assertions"]
            if not self._holds(assertion["Assert"])
        ]

    def _condition(self, name: str | None) -> bool:
        if name is None:
            return True
        if name not in self._decided:
            self._decided[name] = self._holds(self._conditions[name])
        return self._decided[name]

    def _holds(self, expression: Any) -> bool:
        if isinstance(expression, bool):
            return expression
        ((function, operands),) = expression.items()
        match function:
            case "Condition":
                result = self._condition(operands)
            case "Fn::Not":
                result = not self._holds(operands[0])
            case "Fn::And":
                result = all(map(self._holds, operands))
            case "Fn::Or":
                result = any(map(self._holds, operands))
            case "Fn::Equals":
                result = self._resolved(operands[0]) == self._resolved(operands[1])
            case "Fn::Contains":
                result = self._resolved(operands[1]) in self._resolved(operands[0])
            case "Fn::EachMemberEquals":  # of what only AWS knows: the subnets' VPC
                result = True
            case _:
                raise AssertionError(f"not a condition: {expression}")
        return result

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1:
                ((function, operands),) = value.items()
                if function == "Ref" or function.startswith("Fn::"):
                    return self._intrinsic(function, operands)
            pairs = ((name, self._resolved(inner)) for name, inner in value.items())
            return {name: inner for name, inner in pairs if inner is not _ABSENT}
        if isinstance(value, list):
            return [inner for inner in map(self._resolved, value) if inner is not _ABSENT]
        return str(value) if type(value) is int else value

    def _intrinsic(self, function: str, operands: Any) -> Any:  # noqa: PLR0911  one for each
        match function:
            case "Ref":
                if operands == "AWS::NoValue":
                    return _ABSENT
                return self.parameters.get(operands, {"Ref": operands})
            case "Fn::If":
                condition, yes, no = operands
                return self._resolved(yes if self._condition(condition) else no)
            case "Fn::Sub":
                return self._substituted(
                    *([operands, {}] if isinstance(operands, str) else operands)
                )
        operands = self._resolved(operands)
        match function, operands:
            case "Fn::FindInMap", [str(name), str(first), str(second)]:
                return str(self._mappings[name][first][second])
            case "Fn::Join", [str(separator), [*items]] if all(isinstance(x, str) for x in items):
                return separator.join(items)
            case "Fn::Select", [str(index), [*items]] if len(items) > int(index):
                return items[int(index)]
        return {function: operands}

    def _substituted(self, text: str, names: dict[str, Any]) -> Any:
        """The text with what is known in it; what only AWS knows is left to it."""
        known = self.parameters | self._resolved(names)
        left = {name: value for name, value in known.items() if not isinstance(value, str)}
        for name, value in known.items():
            if isinstance(value, str):
                text = text.replace("${" + name + "}", value)
        used = {name: value for name, value in left.items() if "${" + name + "}" in text}
        return {"Fn::Sub": [text, used] if used else text} if "${" in text else text


def _given(declared: Mapping[str, str], value: object) -> str | list[str]:
    lists = declared["Type"].startswith(("CommaDelimitedList", "List<"))
    return str(value).split(",") if lists else str(value)


def _refusals(declared: Mapping[str, Any], options: Options) -> Iterator[str]:
    for name, parameter in declared.items():
        if name not in options:
            if "Default" not in parameter:
                yield f"Parameters: [{name}] must have values"
            continue
        values = as_list(_given(parameter, options[name]))
        pattern = parameter.get("AllowedPattern", "")
        allowed = [str(value) for value in parameter.get("AllowedValues", values)]
        number = parameter["Type"] == "Number"
        for value in values:
            if (
                not re.search(pattern, value)
                or value not in allowed
                or (number and not value.isdigit())
                or (number and int(value) < int(parameter.get("MinValue", value)))
            ):
                yield f"Parameter '{name}' failed to satisfy constraint"


def as_list(value: Any) -> Sequence[Any]:
    """IAM takes one of a thing or a list of it."""
    return value if isinstance(value, list) else [value]


def values_of(value: Any, key: str) -> Iterator[Any]:
    """What stands under ``key``, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from values_of(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from values_of(inner, key)
