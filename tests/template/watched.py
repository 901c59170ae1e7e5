"""The real code, watched: which variables it reads, which calls it makes, in IAM's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.handlers
import pytest

from tests.template.cloudformation import Stack

IAM_SERVICE = {
    "cloudwatch": "cloudwatch",
    "lambda": "lambda",
    "rds": "rds-db",
    "secrets-manager": "secretsmanager",
    "ssm": "ssm",
}
"""botocore's name of a service to its prefix in IAM; other services the code has no business in."""

IAM_ACTION = {"lambda:Invoke": "lambda:InvokeFunction"}
"""Where IAM calls it differently from the API."""


HANDED_ON = {
    "AWS::SQS::Queue": "sqs:SendMessage",
    "AWS::Lambda::Function": "lambda:InvokeFunction",
}
"""What Lambda does with the end of an asynchronous invocation, by the destination's type."""


class Environment(dict[str, str]):
    """A function's variables, and which of them were asked for."""

    def __init__(self, *variables: dict[str, str]) -> None:
        super().__init__({name: value for part in variables for name, value in part.items()})
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def actions_of(work: Callable[[], object]) -> set[str]:
    """The actions, in IAM's words, of every call that ``work`` makes in sessions of its own."""
    made: set[str] = set()

    def note(event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:]
        action = f"{IAM_SERVICE.get(service, service)}:{operation}"
        made.add(IAM_ACTION.get(action, action))

    with pytest.MonkeyPatch.context() as patch:
        handlers = [*botocore.handlers.BUILTIN_HANDLERS, ("before-sign", note)]
        patch.setattr(botocore.handlers, "BUILTIN_HANDLERS", handlers)
        work()
    return made


def needed_by_lambda(stack: Stack, function: str) -> set[str]:
    """What Lambda itself does in the function's role."""
    properties = stack[function]
    actions = {"logs:CreateLogStream", "logs:PutLogEvents"}
    if "VpcConfig" in properties:
        actions |= {
            *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces"),
            *("ec2:DescribeSubnets", "ec2:DeleteNetworkInterface"),
            *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
        }
    if properties["TracingConfig"]["Mode"] == "Active":
        actions |= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    for configuration in stack.of_type("AWS::Lambda::EventInvokeConfig").values():
        if configuration["FunctionName"] == {"Ref": function}:
            actions |= {
                HANDED_ON[stack.resources[one["Destination"]["Fn::GetAtt"][0]]["Type"]]
                for one in configuration["DestinationConfig"].values()
            }
    return actions


def with_decryption(stack: Stack, actions: set[str]) -> set[str]:
    """Reading a secret under a key of one's own also takes the key. The stack's own has none."""
    own_key = stack.parameters["SecretsKmsKeyArn"] and "RuntimeSecret" not in stack.resources
    return actions | (
        {"kms:Decrypt"} if own_key and "secretsmanager:GetSecretValue" in actions else set()
    )


def granted(stack: Stack, role: str) -> set[str]:
    return set().union(*stack.allowed(role).values())
