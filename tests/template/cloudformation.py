"""The template as CloudFormation sees it: transformed, and resolved for a choice of parameters."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
REGION = "eu-central-1"
BUCKET, KEY = "artifacts", "code"

Resource = dict[str, Any]
Options = Mapping[str, str]

_ABSENT = object()


def source() -> dict[str, Any]:
    """The template as it is written, its tags in the long form (``Fn::If``)."""
    template: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return template


def nodes() -> yaml.Node:
    """The template with the line of every word."""
    return yaml.compose(TEMPLATE.read_text(), Loader=yaml.SafeLoader)


@functools.cache
def transformed() -> dict[str, Any]:
    """What the Serverless transform makes of it, as after ``sam package``."""
    template = source()
    template["Globals"]["Function"]["CodeUri"] = f"s3://{BUCKET}/{KEY}"
    for resource in template["Resources"].values():
        for name in {"CodeUri", "ContentUri"} & resource["Properties"].keys():
            resource["Properties"][name] = f"s3://{BUCKET}/{KEY}"
        if "DefinitionUri" in resource["Properties"]:
            definition = ROOT / resource["Properties"].pop("DefinitionUri")
            resource["Properties"]["Definition"] = json.loads(definition.read_text())
    with mock.patch.dict(os.environ, AWS_DEFAULT_REGION=REGION):
        result: dict[str, Any] = Translator({}, Parser()).translate(template, {})
    return result


class Stack:
    """The transformed template with these options chosen: conditions decided, parameters in."""

    def __init__(self, options: Options) -> None:
        template = transformed()
        unknown = options.keys() - template["Parameters"].keys()
        assert not unknown, f"no such parameters: {unknown}"
        self._conditions = template["Conditions"]
        self.parameters = {
            name: _given(declared, options.get(name, declared["Default"]))
            for name, declared in template["Parameters"].items()
        }
        self.refusals = [
            assertion["AssertDescription"]
            for rule in template["Rules"].values()
            if self._holds(rule.get("RuleCondition", True))
            for assertion in rule["Assertions"]
            if not self._holds(assertion["Assert"])
        ]
        self.resources: dict[str, Resource] = {
            name: self._resolved(resource)
            for name, resource in template["Resources"].items()
            if self._holds(
                {"Condition": resource["Condition"]} if "Condition" in resource else True
            )
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
        (policy,) = self[role]["Policies"]
        return {
            statement["Sid"]: set(as_list(statement["Action"]))
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
        }

    def _holds(self, expression: Any) -> bool:
        if isinstance(expression, bool):
            return expression
        ((function, operands),) = expression.items()
        match function:
            case "Condition":
                result = self._holds(self._conditions[operands])
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
            case _:
                raise AssertionError(f"not a condition: {expression}")
        return result

    def _resolved(self, value: Any) -> Any:
        match value:
            case {"Ref": "AWS::NoValue"}:
                return _ABSENT
            case {"Ref": name} if name in self.parameters:
                return self.parameters[name]
            case {"Fn::If": [condition, yes, no]}:
                return self._resolved(yes if self._holds({"Condition": condition}) else no)
            case dict():
                pairs = ((name, self._resolved(inner)) for name, inner in value.items())
                return {name: inner for name, inner in pairs if inner is not _ABSENT}
            case list():
                return [inner for inner in map(self._resolved, value) if inner is not _ABSENT]
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _given(declared: Mapping[str, str], value: object) -> str | list[str]:
    text = str(value)
    return text.split(",") if declared["Type"] == "CommaDelimitedList" else text


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
