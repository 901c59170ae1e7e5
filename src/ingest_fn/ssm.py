"""Instance ids from SSM Parameter Store: one parameter, or all below a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from ingest_fn.aws import AWS_ERRORS, error_code, explained
from ingest_fn.errors import ConfigurationError
from ingest_fn.instance_ids import parse_ids


def read_instance_ids(client: Any, name: str) -> tuple[str, ...]:
    """The ids in the parameter ``name``, or in all parameters below it if it ends in ``/``.

    Each id once, in order. Raises ConfigurationError for a missing or empty parameter or a
    malformed id, AccessDeniedError, and IngestError where Parameter Store does not answer.
    """
    parameters = _below(client, name) if name.endswith("/") else _single(client, name)
    ids: dict[str, None] = {}
    for parameter in parameters:
        where = f"SSM parameter {parameter['Name']}"
        if parameter["Type"] == "SecureString":
            raise ConfigurationError(
                f"{where} is a SecureString.", "Make it a String or StringList."
            )
        ids.update(dict.fromkeys(parse_ids(parameter["Value"], where=where)))
    if not ids:
        raise ConfigurationError(
            f"No SSM parameter exists below the path {name}.",
            f"Create one: aws ssm put-parameter --name {name}fleet-1 --type StringList --value i-…",
        )
    return tuple(ids)


def _single(client: Any, name: str) -> Iterator[dict[str, str]]:
    try:
        yield client.get_parameter(Name=name)["Parameter"]
    except AWS_ERRORS as error:
        if isinstance(error, ClientError) and error_code(error) == "ParameterNotFound":
            raise ConfigurationError(
                f"SSM parameter {name} does not exist in this Region.",
                f"Create it: aws ssm put-parameter --name {name} --type StringList --value i-…",
            ) from error
        raise explained(error, "ssm:GetParameter") from error


def _below(client: Any, path: str) -> Iterator[dict[str, str]]:
    """The paginator follows every NextToken: a page may be empty and still have a next one."""
    pages = client.get_paginator("get_parameters_by_path").paginate(
        Path=path.rstrip("/") or "/", Recursive=True
    )
    try:
        for page in pages:
            yield from page["Parameters"]
    except AWS_ERRORS as error:
        raise explained(error, "ssm:GetParametersByPath") from error
