"""SSM Parameter Store: one parameter, or all below a path, and the selection written in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from ingest_fn.aws.clients import AWS_ERRORS, error_code, translate
from ingest_fn.discovery.pages import pages
from ingest_fn.errors import AwsError, ConfigurationError
from ingest_fn.request.fields import printable
from ingest_fn.request.selection import Selection, bounded, parse_selection

MAX_EMPTY_PAGES = 100
"""Pages without a parameter, one after the other, after which a path is given up."""


def read_selection(
    client: Any, name: str, *, time_left: Callable[[], float] = lambda: math.inf
) -> Selection:
    """What the parameter ``name`` selects, or all parameters below it if it ends in ``/``.

    Raises ConfigurationError for a missing or empty parameter or a malformed item,
    AccessDeniedError, and AwsError where Parameter Store does not answer as it should.
    """
    selection = Selection()
    example = "--type StringList --value i-…"
    for where, text in read_parameters(client, name, example=example, time_left=time_left):
        selection |= parse_selection(text, where=where)
    return bounded(selection, f"SSM path {name}")


def read_parameters(
    client: Any, name: str, *, example: str, time_left: Callable[[], float] = lambda: math.inf
) -> Iterator[tuple[str, str]]:
    """(what to call it in an error, its text) of the parameter, or of all below a path.

    ``example`` is the end of a put-parameter command, for the hint. Raises ConfigurationError
    where there is none, AccessDeniedError, and AwsError where Parameter Store does not answer.
    """
    found = False
    several = name.endswith("/")
    for parameter in _below(client, name, time_left) if several else _single(client, name, example):
        found = True
        kind, value, own = (_text(parameter, key) for key in ("Type", "Value", "Name"))
        where = f"SSM parameter {printable(own)}"
        if kind == "SecureString":
            raise ConfigurationError(
                f"{where} is a SecureString.", "Make it a String or StringList."
            )
        yield where, value
    if not found:
        raise ConfigurationError(
            f"No SSM parameter exists below the path {name}.",
            f"Create one: aws ssm put-parameter --name {name}fleet-1 {example}",
        )


def _single(client: Any, name: str, example: str) -> Iterator[object]:
    try:
        answer = client.get_parameter(Name=name)
    except AWS_ERRORS as error:
        if isinstance(error, ClientError) and error_code(error) == "ParameterNotFound":
            raise ConfigurationError(
                f"SSM parameter {name} does not exist in this Region.",
                f"Create it: aws ssm put-parameter --name {name} {example}",
            ) from error
        raise translate(error, "ssm:GetParameter") from error
    yield answer.get("Parameter")


def _below(client: Any, path: str, time_left: Callable[[], float]) -> Iterator[object]:
    for page in pages(
        client,
        "get_parameters_by_path",
        "ssm:GetParametersByPath",
        time_left,
        Path=path.rstrip("/") or "/",
        Recursive=True,
    ):
        yield from page.get("Parameters") or ()


def _text(parameter: object, key: str) -> str:
    value = parameter.get(key) if isinstance(parameter, dict) else None
    if not isinstance(value, str):
        raise AwsError(
            f"What came back is not an answer of Parameter Store: it has no {key}.",
            "Check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SSM and any proxy between here and AWS.",
        )
    return value
