"""CloudFormation's custom resource for the schema: calls the migration function and answers.

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
_RESERVE_SECONDS = 15
_REASON_LENGTH = 500
"""Characters; CloudFormation takes 4,096 bytes in all, and JSON makes up to six bytes of each."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Migrate on Create and Update, leave the data alone on Delete; answer in every case.

    Raises OSError where the answer does not get through: Lambda then tries the whole again.
    """
    try:
        status, reason, data = "SUCCESS", "The schema and its data stay.", dict[str, Any]()
        if event["RequestType"] != "Delete":
            data = _migrate(context)
            reason = f"Schema at revision {data['after']}"
    except Exception as error:  # noqa: BLE001  whatever it is, the deployment must hear of it
        status, reason, data = "FAILED", str(error) or repr(error), {}
    _answer(event, status, reason, data)


def _migrate(context: Any) -> dict[str, Any]:
    """What the migration function returns.

    Raises RuntimeError with its error's own message, IngestError where it cannot be called.
    """
    seconds = max(1, context.get_remaining_time_in_millis() // 1000 - _RESERVE_SECONDS)
    client: Any = botocore.session.get_session().create_client(
        "lambda", config=Config(read_timeout=seconds, retries={"total_max_attempts": 1})
    )
    function = os.environ["MIGRATE_FUNCTION_NAME"]
    try:
        answer = client.invoke(FunctionName=function, Payload=b"{}")
    except AWS_ERRORS as error:
        raise translate(error, "lambda:InvokeFunction") from error
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        message = f"The migration failed: {result.get('errorMessage', result)}"
        raise RuntimeError(message)
    data: dict[str, Any] = result
    return data


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
    with urlopen(request, timeout=_RESERVE_SECONDS - 5):  # noqa: S310
        pass
