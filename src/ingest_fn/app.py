"""The Lambda function: an event in, the run's result out, and an error where it is not whole."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from ingest_fn.ingester import Ingester
from ingest_fn.telemetry import recorded

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def ingester() -> Ingester:
    """Made at the first event, kept while the environment stays warm."""
    return Ingester(os.environ)


def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Ingest what ``event`` asks for. Raises where something stayed unread or unstored."""
    with recorded(context.aws_request_id) as record:
        engine = ingester()
        try:
            result = engine.ingest(
                event,
                now=datetime.now(UTC),
                time_left=lambda: context.get_remaining_time_in_millis() / 1000,
            )
        finally:
            engine.rest()
        record(result)
        return result.as_dict()
