"""What the linters say of the template, and what none of them notices."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from tests.template.cloudformation import REGION, ROOT, TEMPLATE, nodes, source, transformed

MODULE = "ingest_fn.deploy.custom_resource"

SUPPORTED_RUNTIMES = {"python3.13", "python3.14"}
"""On Amazon Linux 2023, patched to June 2029 at least (Lambda's runtime deprecation policy)."""

CRON_FIELDS = {
    "minutes": r"[0-5]?\d",
    "hours": r"1?\d|2[0-3]",
    "day of month": r"[12]?\d|3[01]",
    "month": r"[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC",
    "day of week": r"[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT",
    "year": r"20\d\d|21\d\d",
}
"""EventBridge Scheduler's six fields (its user guide, schedule types)."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_sam_finds_nothing_to_say() -> None:
    result = run(".venv-sam/bin/sam", "validate", "--lint", "--template", str(TEMPLATE))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "is a valid SAM Template" in result.stdout


def test_cfn_lint_finds_nothing_in_what_the_transform_makes_of_it() -> None:
    found = lint(json.dumps(transformed()), config=ManualArgs(regions=[REGION]))
    assert not [f"{match.rule.id} {match.message}" for match in found]


def test_the_security_scanner_finds_nothing_without_a_reason_beside_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("scanned")
    (folder / "template.json").write_text(json.dumps(transformed()))
    result = run(
        ".venv-checkov/bin/checkov",
        *("--framework", "cloudformation", "--skip-download", "--output", "json"),
        *("--file", str(folder / "template.json")),
    )
    results = json.loads(result.stdout)["results"]
    assert len(results["passed_checks"]) > 50
    failed = [(check["check_id"], check["resource"]) for check in results["failed_checks"]]
    assert not failed
    reasons = [check["check_result"]["suppress_comment"] for check in results["skipped_checks"]]
    assert all(reason.endswith(".") for reason in reasons)


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


def test_no_star_stands_in_a_policy_without_a_comment() -> None:
    policies = nodes()
    lines = TEMPLATE.read_text().splitlines()
    found = {node.start_mark.line for node in starred(policies)}
    assert len(found) > 5
    bare = [
        f"line {line + 1}: {lines[line].strip()}"
        for line in sorted(found)
        if " # " not in lines[line] and not lines[line - 1].lstrip().startswith("#")
    ]
    assert not bare


def test_every_parameter_is_described_bounded_and_grouped() -> None:
    template = source()
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        bounded = {"AllowedValues", "AllowedPattern", "MinValue"} & parameter.keys()
        assert bounded, name
        assert "AllowedPattern" not in parameter or "ConstraintDescription" in parameter, name
        pattern = parameter.get("AllowedPattern", "")
        assert re.search(pattern, str(parameter["Default"])), name


def valid_cron(expression: str) -> bool:
    match = re.fullmatch(r"cron\((.+)\)", expression)
    fields = match[1].split(" ") if match else []
    if len(fields) != len(CRON_FIELDS) or (fields[2] == "?") == (fields[4] == "?"):
        return False
    for text, one in zip(fields, CRON_FIELDS.values(), strict=True):
        item = rf"(?:\*|(?:{one})(?:-(?:{one}))?)(?:/\d+)?"
        if text != "?" and not re.fullmatch(rf"{item}(?:,{item})*", text):
            return False
    return True


def test_the_schedule_fires_every_hour_after_it_has_settled() -> None:
    template = source()
    expression = template["Parameters"]["ScheduleExpression"]["Default"]
    assert valid_cron(expression)
    assert expression == "cron(15 * * * ? *)"
    assert template["Parameters"]["RunsPerMonth"]["Default"] == 24 * 365 // 12


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("cron(15 0/6 * * ? *)", True),
        ("rate(6 hours)", True),
        ("cron(15 * * * ?)", False),
        ("15 * * * *", False),
        ("rate(0 hours)", False),
        ("hourly", False),
    ],
)
def test_the_schedule_parameter_refuses_what_is_no_schedule(expression: str, taken: bool) -> None:  # noqa: FBT001
    pattern = source()["Parameters"]["ScheduleExpression"]["AllowedPattern"]
    assert bool(re.search(pattern, expression)) == taken


def test_the_runtime_exists_and_is_that_of_the_layers() -> None:
    template = source()
    runtime = template["Globals"]["Function"]["Runtime"]
    assert runtime in SUPPORTED_RUNTIMES
    for name in ("DependencyLayer", "MigrationLayer"):
        assert template["Resources"][name]["Properties"]["CompatibleRuntimes"] == [runtime]


def functions() -> dict[str, dict[str, str]]:
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
