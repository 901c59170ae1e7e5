"""The state machine of the template in moto's interpreter, with the real handlers.

moto's Lambda without Docker returns what it was sent. Here it calls the handler instead, as Lambda
does: JSON in, JSON out, and an error as its type and message.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.config import default_user_config

from ingest_fn import app
from ingest_fn.fan_out import app as fan_out
from ingest_fn.local.aws import LocalAws
from tests.lambda_context import Context

HOME = "123456789012"
REGION = "eu-central-1"
DEFINITION = Path(__file__).parents[1] / "statemachines" / "fan_out.asl.json"
FUNCTIONS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "PlanFunctionArn": fan_out.plan_handler,
    "IngestFunctionArn": app.lambda_handler,
    "SummaryFunctionArn": fan_out.summary_handler,
}


@dataclass
class Lambda:
    """The functions, and what they were called with."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    at_once: int = 0
    """The most invocations of the ingesting function that ran at the same time."""
    seconds: Callable[[dict[str, Any]], float] = lambda _: 60.0
    """How long an invocation with this event may take."""
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _environment: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, arn: str, _: object, body: str, __: object, headers: dict[str, str]) -> bytes:
        """Replaces the method of moto that returns its input."""
        name, event = arn.rsplit(":", 1)[1], json.loads(body)
        ingesting = name == "IngestFunctionArn"
        with self._lock:
            self.calls.append((name, event))
            self._running += ingesting
            self.at_once = max(self.at_once, self._running)
        try:
            # One environment takes one event at a time, and this process is one environment.
            with self._environment:
                answer: Any = FUNCTIONS[name](
                    event, Context(self.seconds(event), invoked_function_arn=arn)
                )
        except Exception as error:  # noqa: BLE001  whatever it is, Lambda answers with it
            headers["X-Amz-Function-Error"] = "Unhandled"
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        finally:
            with self._lock:
                self._running -= ingesting
        return json.dumps(answer).encode()

    def parts(self) -> list[dict[str, Any]]:
        """The events that the ingesting function received."""
        return [event for name, event in self.calls if name == "IngestFunctionArn"]


@dataclass
class Machine:
    """The state machine, and its functions."""

    arn: str
    functions: Lambda

    def run(self, event: dict[str, Any], within: float = 60) -> dict[str, Any]:
        """Run one execution to its end: status, and output or error and cause."""
        client = boto3.client("stepfunctions")
        execution = client.start_execution(
            stateMachineArn=self.arn, name=str(uuid4()), input=json.dumps(event)
        )
        deadline = monotonic() + within
        while monotonic() < deadline:
            found = client.describe_execution(executionArn=execution["executionArn"])
            if found["status"] != "RUNNING":
                return dict(found)
            sleep(0.05)
        raise TimeoutError(found["status"])


def state_machine(
    aws: LocalAws,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Machine:
    """The machine in the emulator. ``change`` may change its definition first."""
    functions = Lambda()
    monkeypatch.setenv("MOTO_PORT", aws.url.rsplit(":", 1)[1])
    monkeypatch.setitem(default_user_config, "stepfunctions", {"execute_state_machine": True})
    monkeypatch.setitem(default_user_config, "lambda", {"use_docker": False})
    monkeypatch.setattr(LambdaSimpleBackend, "invoke", functions.invoke)
    definition = json.loads(substituted(DEFINITION.read_text()))
    for state in definition["States"].values():
        if "ToleratedFailurePercentage" in state:  # moto's grammar needs a fraction
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
    change(definition)
    made = boto3.client("stepfunctions").create_state_machine(
        name="fan-out",
        definition=json.dumps(definition),
        roleArn=f"arn:aws:iam::{HOME}:role/fan-out",
    )
    return Machine(made["stateMachineArn"], functions)


def substituted(definition: str) -> str:
    """The definition with its substitutions, as CloudFormation makes them."""
    for name in FUNCTIONS:
        arn = f"arn:aws:lambda:{REGION}:{HOME}:function:{name}"
        definition = definition.replace("${" + name + "}", arn)
    return definition.replace("${Partition}", "aws")
