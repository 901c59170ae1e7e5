"""The targets of a fan-out, from SSM. All are checked before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ingest_fn.discovery.parameters import read_parameters
from ingest_fn.errors import ConfigurationError
from ingest_fn.request.target import WHAT, Target, parse_target

_EXAMPLE = """--type String --value '[{"account_id": "…", "region": "…", "selector": {…}}]'"""


def read_targets(client: Any, name: str, *, home: str) -> tuple[Target, ...]:
    """The targets in the parameter ``name``, or in all below it if it ends in ``/``, each once.

    A parameter holds one target or a JSON array of targets. ``home`` is the account that is read
    if a target has no role. Raises ConfigurationError naming the parameter and the target,
    AccessDeniedError, and AwsError if Parameter Store does not answer.
    """
    targets: dict[Target, None] = {}
    for where, text in read_parameters(client, name, example=_EXAMPLE):
        for place, value in _values(where, text):
            target = parse_target(value, place)
            if target.role_arn is None and target.account_id != home:
                raise ConfigurationError(
                    f"{place} is in account {target.account_id} and has no role_arn.",
                    f"Name a role of that account; without one, {home} is read.",
                )
            targets[target] = None
    if not targets:
        raise ConfigurationError(f"{name} holds no targets.", "Give at least one.")
    return tuple(targets)


def _values(where: str, text: str) -> Iterator[tuple[str, object]]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{where} is not JSON ({type(error).__name__}).",
            f"Write {WHAT}, or an array of such objects.",
        ) from error
    if not isinstance(given, list):
        yield where, given
        return
    for number, value in enumerate(given):
        yield f"{where}, target {number}", value
