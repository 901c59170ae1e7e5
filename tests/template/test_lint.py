"""What the linters say of the template, and what none of them notices."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from tests.template.cloudformation import (
    DATABASE_TEMPLATE,
    REGION,
    ROOT,
    TEMPLATE,
    database_template,
    nodes,
    source,
    transformed,
)

TEMPLATES = [TEMPLATE, DATABASE_TEMPLATE]
MODULE = "ingest_fn.deploy.custom_resource"

SUPPORTED_RUNTIMES = {"python3.13", "python3.14"}
"""On Amazon Linux 2023, patched to June 2029 at least (Lambda's runtime deprecation policy)."""

LONGEST_FUNCTION_NAME = 64
"""Characters (Lambda's API reference, FunctionName)."""


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_sam_finds_nothing_to_say() -> None:
    result = run(".venv-sam/bin/sam", "validate", "--lint", "--template", str(TEMPLATE))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "is a valid SAM Template" in result.stdout


@pytest.mark.parametrize("template", [transformed, database_template])
def test_cfn_lint_finds_nothing_in_what_cloudformation_gets(
    template: Callable[[], dict[str, Any]],
) -> None:
    found = lint(json.dumps(template()), config=ManualArgs(regions=[REGION]))
    assert not [f"{match.rule.id} {match.message}" for match in found]


def test_plain_cloudformation_takes_the_database_s_template_as_it_is() -> None:
    """Nothing builds it first: no alias of YAML's, no transform, at most 51,200 bytes."""
    text = DATABASE_TEMPLATE.read_text()
    assert not [token for token in yaml.scan(text) if isinstance(token, yaml.AliasToken)]
    assert "Transform" not in database_template()
    assert len(text.encode()) <= 51_200


def test_the_security_scanner_finds_nothing_that_has_no_reason_in_its_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "template.json").write_text(json.dumps(transformed()))
    (tmp_path / "database.json").write_text(json.dumps(database_template()))
    result = run(
        str(ROOT / ".venv-checkov" / "bin" / "checkov"),
        *("--framework", "cloudformation", "--skip-download", "--output", "json"),
        *("--file", str(tmp_path / "template.json"), str(tmp_path / "database.json")),
        folder=tmp_path,  # the file of this folder would be read
    )
    results = json.loads(result.stdout)["results"]
    assert len(results["passed_checks"]) > 50
    failed = {check["check_id"] for check in results["failed_checks"]}
    assert failed == reasons().keys()


def reasons() -> dict[str, str]:
    """What the scanner's own file leaves out, and why: the comment above each."""
    found, comment = {}, ""
    skipped = (ROOT / ".checkov.yaml").read_text().partition("skip-check:")[2]
    for line in skipped.splitlines():
        text = line.strip()
        if text.startswith("# "):
            comment = f"{comment} {text[2:]}".strip()
        elif text.startswith("- "):
            assert comment.endswith("."), text
            found[text[2:]], comment = comment, ""
        else:
            comment = ""
    return found


def starred(node: yaml.Node, key: str = "") -> Iterator[yaml.ScalarNode]:
    """Every ``*`` in a policy's Action, Resource or Principal."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            policy = name.value in {"Action", "NotAction", "Resource", "NotResource", "Principal"}
            yield from starred(value, name.value if policy else key)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from starred(value, key)
    elif isinstance(node, yaml.ScalarNode) and key and "*" in node.value:
        yield node


@pytest.mark.parametrize("path", TEMPLATES)
def test_no_star_stands_in_a_policy_without_a_comment(path: Path) -> None:
    lines = path.read_text().splitlines()
    found = {node.start_mark.line for node in starred(nodes(path))}
    assert len(found) > 5
    bare = [
        f"line {line + 1}: {lines[line].strip()}"
        for line in sorted(found)
        if " # " not in lines[line] and not lines[line - 1].lstrip().startswith("#")
    ]
    assert not bare


@pytest.mark.parametrize("path", TEMPLATES)
def test_every_parameter_is_described_and_bounded(path: Path) -> None:
    for name, parameter in source(path)["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        bounded = {"AllowedValues", "AllowedPattern", "MinValue"} & parameter.keys()
        assert bounded or parameter["Type"] in CHECKED_BY_AWS, name
        assert "AllowedPattern" not in parameter or "ConstraintDescription" in parameter, name
        pattern = parameter.get("AllowedPattern", "")
        assert re.search(pattern, str(parameter.get("Default", ""))) or "Default" not in parameter


CHECKED_BY_AWS = {"AWS::EC2::VPC::Id", "List<AWS::EC2::Subnet::Id>"}
"""Types of which CloudFormation looks each value up before it begins."""


@pytest.mark.parametrize("path", TEMPLATES)
def test_no_value_of_a_parameter_can_hold_a_space(path: Path) -> None:
    """Because sam cuts it there."""
    for name, parameter in source(path)["Parameters"].items():
        values = [parameter.get("Default", ""), *parameter.get("AllowedValues", [])]
        assert " " not in "".join(map(str, values)), name
        if pattern := parameter.get("AllowedPattern"):
            assert not re.search(pattern, "i-0123456789abcdef0, all"), name
            # Every class of characters that says what it leaves out leaves out white space.
            assert all("\\s" in one for one in re.findall(r"\[\^[^\]]+\]", pattern)), name


def test_the_longest_name_of_a_stack_is_what_the_docs_say() -> None:
    names = [
        function["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}")
        for function in functions().values()
    ]
    longest = LONGEST_FUNCTION_NAME - max(map(len, names))
    said = re.search(r"up to (\d+) characters", (ROOT / "docs" / "deploy.md").read_text())
    assert said
    assert int(said[1]) == longest


def test_the_runtime_exists_and_is_that_of_the_layers() -> None:
    template = source()
    runtime = template["Globals"]["Function"]["Runtime"]
    assert runtime in SUPPORTED_RUNTIMES
    for name in ("DependencyLayer", "MigrationLayer"):
        assert template["Resources"][name]["Properties"]["CompatibleRuntimes"] == [runtime]


def functions() -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in source()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


@pytest.mark.parametrize("name", functions())
def test_every_handler_can_be_called(name: str) -> None:
    module, function = functions()[name]["Handler"].rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), function))


def test_the_custom_resource_needs_no_layer() -> None:
    assert "Layers" not in functions()["SchemaResourceFunction"]
    ours = "psycopg", "aws_lambda_powertools", "orjson", "alembic", "sqlalchemy"
    blocked = f"import sys; sys.modules.update(dict.fromkeys({ours})); import {MODULE}"
    subprocess.run([sys.executable, "-c", blocked], check=True)
