"""AWS clients, and the translation of AWS's errors into those of ``errors.py``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from http import HTTPStatus
from threading import Lock
from typing import Any, Self

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError, create_parser

from ingest_fn.aws.errors import AWS_ERRORS, error_code, not_configured, translate
from ingest_fn.aws.regions import check_region

__all__ = ["AWS_ERRORS", "Clients", "error_code", "translate"]


class OutOfTimeError(BotoCoreError):
    """The run must be over before an answer could come."""

    fmt = "no time was left for another call"


_CREATING = Lock()
"""A botocore session is not safe while two threads make clients with it."""


_DECODED_ELSEWHERE = {
    f"before-parse.cloudwatch.{operation}" for operation in ("GetMetricData", "GetMetricStatistics")
}
"""Events of calls whose answers ``cloudwatch.wire`` takes as they come: it looks at them itself."""

LAST_CALL = 3.0
"""Seconds before the deadline from which no call is begun."""


class Clients:
    """Makes clients that share one botocore session: a second would load every model again.

    ``time_left`` gives the seconds until the run must be over. When they are up no call is begun
    any more, also by a thread that was given up and wakes in the next run.
    """

    def __init__(
        self, region: str, calls_in_flight: int, session: botocore.session.Session | None = None
    ) -> None:
        """Raises ConfigurationError where there is no such Region, or a broken config file."""
        self.time_left: Callable[[], float] = lambda: math.inf
        self.session = session or botocore.session.get_session()
        check_region(region, self.session)
        self._calls_in_flight = calls_in_flight
        self._config = Config(
            region_name=region,
            connect_timeout=3,
            read_timeout=15,
            max_pool_connections=calls_in_flight,
            retries={"mode": "adaptive", "total_max_attempts": 6},
        )

    def elsewhere(self, region: str, session: botocore.session.Session | None = None) -> Self:
        """The same for another Region, and for another account where ``session`` is its own."""
        clients = type(self)(region, self._calls_in_flight, session or self.session)
        clients.time_left = self.time_left
        return clients

    def make(self, service: str) -> Any:
        """A client. Its calls time out after 15 s and are tried six times, throttling included.

        Raises ConfigurationError, AccessDeniedError for what botocore finds wrong beforehand.
        """
        try:
            with _CREATING:
                client = self.session.create_client(service, config=self._config)
        except (BotoCoreError, ValueError) as error:
            raise not_configured(error) from error
        time_left = self.time_left

        def in_time(**_: object) -> None:
            if time_left() < LAST_CALL:
                raise OutOfTimeError

        client.meta.events.register("before-send.*.*", in_time)
        if client.meta.service_model.resolved_protocol == "json":
            client.meta.events.register("before-parse.*.*", _well_formed)
        return client


_MISSHAPEN = (AttributeError, LookupError, TypeError, ValueError, OverflowError, RecursionError)


def _well_formed(
    response_dict: dict[str, Any], operation_model: Any, event_name: str, **_: object
) -> None:
    """Refuse an answer of a shape that botocore's parser trips over, with an error of its own."""
    if event_name in _DECODED_ELSEWHERE:
        return
    body = response_dict["body"]
    parser = create_parser("json")
    try:
        if body and not isinstance(json.loads(body), dict):
            raise ResponseParserError("what came is not an answer of this service")
        parser.parse(response_dict, operation_model.output_shape)
    except _MISSHAPEN as error:
        if response_dict["status_code"] == HTTPStatus.OK:
            said = "what came is not an answer of this service"
            raise ResponseParserError(said) from error
        response_dict["body"] = b"{}"
