"""The Lambda functions of the first and the last step: one plans, the other adds up."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from ingest_fn.fan_out.fan_out import FanOut
from ingest_fn.telemetry import recorded

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SUFFIX = "-fan-out"


@cache
def fan_out() -> FanOut:
    """Made at the first event and kept while the function lives."""
    return FanOut(os.environ)


def plan_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The plan for ``{"event": …, "execution": its ARN, "started_at": a time}``.

    Raises an IngestError if the event, a target or the database is wrong. Nothing has run then.
    """
    with recorded(context.aws_request_id, SUFFIX):
        # arn:aws:lambda:region:account:function:name
        return fan_out().plan(
            event["event"],
            execution=event["execution"],
            started_at=event["started_at"],
            home=context.invoked_function_arn.split(":")[4],
        )


def summary_handler(plan: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The result of the whole ``plan``. Raises IncompleteRunError if a part is incomplete."""
    with recorded(context.aws_request_id, SUFFIX) as record:
        result = fan_out().summarise(plan)
        record(result)
        return result.as_dict()
