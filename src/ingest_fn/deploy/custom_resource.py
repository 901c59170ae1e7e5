"""CloudFormation's custom resource for the schema: starts the migration, answers with its result.

It is called twice. CloudFormation calls it first, and it starts the migration function and returns:
nobody waits, so no connection has to outlive a long migration. When the migration is over, Lambda
calls it again, as the destination of that asynchronous invocation, with what became of it.

It runs outside the VPC. An answer goes to a presigned S3 address, and a function in private
subnets without a way to S3 could not send it: the stack would hang until its timeout.
"""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.request import Request, urlopen

import botocore.session
from botocore.config import Config

from ingest_fn.aws.clients import AWS_ERRORS, translate

_PHYSICAL_ID = "ingest-fn-schema"
_SECONDS = 10
_REASON_LENGTH = 500
"""Characters; CloudFormation takes 4,096 bytes in all, and JSON makes up to six bytes of each."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Start the migration on Create and Update, leave the data alone on Delete, answer at its end.

    ``event`` is CloudFormation's, or Lambda's record of the migration's end, which holds
    CloudFormation's as ``requestPayload``. Raises OSError where the answer does not get through:
    Lambda then tries again.
    """
    del context
    if "requestPayload" in event:
        request = event["requestPayload"]
        if (
            isinstance(request, dict) and "ResponseURL" in request
        ):  # else somebody called it by hand
            _answer(request, *_result(event))
    elif event["RequestType"] == "Delete":
        _answer(event, "SUCCESS", "The schema and its data stay.", {})
    else:
        try:
            _start(event)
        except Exception as error:  # noqa: BLE001  whatever it is, the deployment must hear of it
            _answer(event, "FAILED", str(error) or repr(error), {})


def _start(event: dict[str, Any]) -> None:
    """Hand ``event`` to the migration. Raises IngestError where Lambda does not take it."""
    client: Any = botocore.session.get_session().create_client(
        "lambda",
        config=Config(connect_timeout=3, read_timeout=_SECONDS, retries={"total_max_attempts": 3}),
    )
    function = os.environ["MIGRATE_FUNCTION_NAME"]
    try:
        client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))
    except AWS_ERRORS as error:
        raise translate(error, "lambda:InvokeFunction") from error


def _result(record: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Status, reason and data of a migration that is over.

    The record's form is Lambda's (its developer guide, "Capturing records of Lambda
    asynchronous invocations"). Without ``responsePayload`` the migration never began, and
    ``condition`` says why.
    """
    result = record.get("responsePayload")
    context = record.get("requestContext") or {}
    if isinstance(result, dict) and "after" in result and context.get("condition") == "Success":
        return "SUCCESS", f"Schema at revision {result['after']}", result
    said = result.get("errorMessage") if isinstance(result, dict) else None
    said = said or result or context.get("condition") or "Lambda does not say why"
    return "FAILED", f"The migration failed: {said}", {}


def _answer(event: dict[str, Any], status: str, reason: str, data: dict[str, Any]) -> None:
    body = json.dumps(
        {
            "Status": status,
            "Reason": reason[:_REASON_LENGTH],
            "PhysicalResourceId": _PHYSICAL_ID,
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
            "Data": data,
        },
        ensure_ascii=False,
    ).encode(errors="replace")
    request = Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")  # noqa: S310  CloudFormation's own https address
    with urlopen(request, timeout=_SECONDS):  # noqa: S310
        pass
