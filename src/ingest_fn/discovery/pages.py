"""Every page of an answer, and an end to it: nothing is followed for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ingest_fn.aws.clients import AWS_ERRORS, translate
from ingest_fn.errors import AwsError

MAX_PAGES = 2_000
"""DescribeInstances shows two million instances on so many, Parameter Store 20,000 parameters."""

STOP_ASKING = 20.0
"""Seconds before the deadline from which no further page is asked for."""


def pages(
    client: Any,
    operation: str,
    action: str,
    time_left: Callable[[], float],
    **request: Any,
) -> Iterator[dict[str, Any]]:
    """The pages of ``operation``; one may be empty and still have a next one.

    ``action`` is its IAM name. Raises AwsError for a token that comes back, for more than
    ``MAX_PAGES`` and when ``time_left`` (seconds) runs out; otherwise what ``translate`` says.
    """
    found = client.get_paginator(operation).paginate(**request)
    try:
        for number, page in enumerate(found, 1):
            yield page
            if not page.get("NextToken"):
                return
            if number >= MAX_PAGES:
                raise AwsError(f"{action} was given up after {MAX_PAGES} pages without an end.")
            if time_left() < STOP_ASKING:
                raise AwsError(f"{action} was given up on page {number}: the run's time is up.")
    except AWS_ERRORS as error:
        raise translate(error, action) from error
