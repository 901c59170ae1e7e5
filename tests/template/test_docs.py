"""Every command of the deployment docs: run by a real shell, and parsed by the real sam."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.template.cloudformation import ROOT, Stack, database_template
from tests.template.combinations import ADMIN, HOST, IAM, INSTANCE_ID, NETWORK

TEXT = (ROOT / "docs" / "deploy.md").read_text()
FAN_OUT = (ROOT / "docs" / "fan-out.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT + FAN_OUT, re.DOTALL)
SHOWN = "\n".join(BLOCKS)
OUTPUTS = {**NETWORK, **HOST, **ADMIN, **IAM, "UseIpv6": "false"}
DEPLOYED = {**OUTPUTS, "Instances": INSTANCE_ID}
"""The parameters of a stack that is there: sam keeps what a command leaves out."""

AWS = """#!/bin/sh
echo "$@" >> "$LOG/aws"
case "$*" in *describe-stacks*) printf '%s' "$OUTPUTS";; esac
"""
SAM = """#!{python}
import json, os, sys
with open(os.environ["LOG"] + "/sam", "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
"""
PARSE = """
import json, sys
from samcli.cli.main import cli
parsed = []
for line in sys.stdin:
    words = json.loads(line)
    context = cli.make_context("sam", list(words))
    name, command, rest = cli.resolve_command(context, [*context.protected_args, *context.args])
    while hasattr(command, "resolve_command"):
        context = command.make_context(name, rest, parent=context)
        name, command, rest = command.resolve_command(
            context, [*context.protected_args, *context.args]
        )
    done = command.make_context(name, rest, parent=context)
    parsed.append([words, done.params])
print("PARSED" + json.dumps(parsed, default=str))
"""


def python_of(tool: str) -> Path:
    return ROOT / f".venv-{tool}" / "bin" / "python"


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[list[str], dict[str, Any]]]:
    """The words that the shell gives to each ``sam`` of the page, and what sam makes of them."""
    folder = tmp_path_factory.mktemp("docs")
    for name, script in (("aws", AWS), ("sam", SAM.format(python=python_of("sam")))):
        program = folder / name
        program.write_text(script)
        program.chmod(0o755)
    log = folder / "log"
    log.mkdir()
    given = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "LOG": str(log),
        "OUTPUTS": "\t".join(f"{name}={value}" for name, value in OUTPUTS.items()),
    }
    commands = "\n".join(
        line for line in SHOWN.splitlines() if not re.match(r"make |git |export ", line)
    )
    subprocess.run(["sh", "-eu", "-c", commands], env={**os.environ, **given}, check=True)
    done = subprocess.run(
        [python_of("sam"), "-c", PARSE],
        cwd=ROOT,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"},
        input=(log / "sam").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: list[tuple[list[str], dict[str, Any]]] = json.loads(done.stdout.split("PARSED")[1])
    return result


def test_sam_takes_every_command(parsed: list[tuple[list[str], dict[str, Any]]]) -> None:
    assert len(parsed) == len(re.findall(r"^sam ", SHOWN, re.MULTILINE)) > 10
    for words, params in parsed:
        if words[0] == "deploy":
            assert params["capabilities"] or "database" in words
            assert params["stack_name"] == (
                "hourmeter-database" if "database" in words else "hourmeter"
            )


def test_every_deployment_is_of_options_that_go_together(
    parsed: list[tuple[list[str], dict[str, Any]]],
) -> None:
    """The values arrive whole, under names that the template has, and are accepted."""
    seen = set[str]()
    for words, params in parsed:
        if words[0] != "deploy":
            continue
        given = params["parameter_overrides"] or {}
        seen |= given.keys()
        if "database" in words:
            assert not Stack(given, database_template()).refusals
        else:
            assert not Stack(DEPLOYED | given).refusals, words
    assert {"Instances", "DatabaseAdminSecretArn", "Schedule", "DeletionProtection"} <= seen


def test_the_outputs_of_the_database_are_passed_on_whole(
    parsed: list[tuple[list[str], dict[str, Any]]],
) -> None:
    (first,) = (
        params["parameter_overrides"]
        for words, params in parsed
        if any("AlarmEmail" in word for word in words)
    )
    assert first.items() >= OUTPUTS.items()


def test_an_empty_value_arrives_as_one(parsed: list[tuple[list[str], dict[str, Any]]]) -> None:
    emptied = [params["parameter_overrides"] for words, params in parsed if 'Instances=""' in words]
    assert emptied == [{"Instances": "", "InstancesParameterName": "/fleet/ids"}]


def test_the_query_for_the_outputs_makes_pairs_without_spaces() -> None:
    """By the library that the AWS CLI uses, on an answer of CloudFormation's form."""
    jmespath: Any = importlib.import_module("jmespath")
    (query,) = re.findall(r'--query "(.*?)"', SHOWN)
    answer = {
        "Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]}]
    }
    assert jmespath.search(query, answer) == [f"{name}={value}" for name, value in OUTPUTS.items()]


def test_every_parameter_that_the_page_names_exists() -> None:
    names = set(re.findall(r"`([A-Z][A-Za-z0-9]+)=", TEXT + FAN_OUT))
    known = {*Stack(DEPLOYED).parameters, *database_template()["Parameters"]}
    assert names <= known


def test_every_kind_of_resource_that_the_scheme_names_is_made() -> None:
    """Suffixes of the page, ``…-stale``, are names in the template."""
    said = set(re.findall(r"`…-([a-z-]+)`", TEXT))
    template = (ROOT / "template.yaml").read_text()
    assert {name for name in said if "${AWS::StackName}-" + name not in template} == set()
