"""SSM Parameter Store: one parameter, or all below a path, and the instance ids in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from ingest_fn.aws.clients import AWS_ERRORS, error_code, translate
from ingest_fn.errors import AwsError, ConfigurationError
from ingest_fn.request.selection import parse_ids

MAX_EMPTY_PAGES = 100
"""Pages without a parameter, one after the other, after which a path is given up."""


def read_instance_ids(client: Any, name: str) -> tuple[str, ...]:
    """The ids in the parameter ``name``, or in all parameters below it if it ends in ``/``.

    Each id once, in order. Raises ConfigurationError for a missing or empty parameter or a
    malformed id, AccessDeniedError, and IngestError where Parameter Store does not answer.
    """
    ids: dict[str, None] = {}
    for where, text in read_parameters(client, name, example="--type StringList --value i-…"):
        ids.update(dict.fromkeys(parse_ids(text, where=where)))
    return tuple(ids)


def read_parameters(client: Any, name: str, *, example: str) -> Iterator[tuple[str, str]]:
    """(what to call it in an error, its text) of the parameter, or of all below a path.

    ``example`` is the end of a put-parameter command, for the hint. Raises ConfigurationError
    where there is none, AccessDeniedError, and IngestError where Parameter Store does not answer.
    """
    found = False
    for parameter in _below(client, name) if name.endswith("/") else _single(client, name, example):
        found = True
        label, kind, text = _parts(parameter)
        where = f"SSM parameter {label}"
        if kind == "SecureString":
            raise ConfigurationError(
                f"{where} is a SecureString.", "Make it a String or StringList."
            )
        yield where, text
    if not found:
        raise ConfigurationError(
            f"No SSM parameter exists below the path {name}.",
            f"Create one: aws ssm put-parameter --name {name}fleet-1 {example}",
        )


def _parts(parameter: Any) -> tuple[str, str, str]:
    """Name, type and value. Raises AwsError where that is not what came: a proxy's page, say."""
    if isinstance(parameter, dict):
        label, kind, text = (parameter.get(key) for key in ("Name", "Type", "Value"))
        if isinstance(label, str) and isinstance(kind, str) and isinstance(text, str):
            return label, kind, text
    raise AwsError(
        "What came is not an answer of Parameter Store.",
        "Check AWS_ENDPOINT_URL and whether a proxy answers in its place.",
    )


def _single(client: Any, name: str, example: str) -> Iterator[Any]:
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


def _below(client: Any, path: str) -> Iterator[Any]:
    """The paginator follows every NextToken: a page may be empty and still have a next one."""
    pages = client.get_paginator("get_parameters_by_path").paginate(
        Path=path.rstrip("/") or "/", Recursive=True
    )
    empty = 0
    try:
        for page in pages:
            parameters = page.get("Parameters")
            if not isinstance(parameters, list):
                parameters = [None]
            empty = 0 if parameters else empty + 1
            if empty > MAX_EMPTY_PAGES:
                raise AwsError(
                    f"ssm:GetParametersByPath sent {empty} empty pages in a row, and each said "
                    "that there is another.",
                    "It is given up. A later run may succeed.",
                )
            yield from parameters
    except AWS_ERRORS as error:
        raise translate(error, "ssm:GetParametersByPath") from error
