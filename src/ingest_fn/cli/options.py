"""Options that several commands share, and how they are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from ingest_fn.errors import ConfigurationError
from ingest_fn.request import fields
from ingest_fn.request.selection import Selection, parse_items, parse_selection

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the closing total only.")]
Region = Annotated[
    str | None, typer.Option("--region", help="Region to read. [default: AWS_REGION]")
]
Items = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ITEM",
        help="Instance ids, all, tag:Key=Value or !item. [default: AWS_INSTANCE_IDS]",
    ),
]


def selection_of(items: Sequence[str] | None) -> Selection | None:
    """The instances of the arguments, or of AWS_INSTANCE_IDS; None: the SSM parameter names them.

    Raises ConfigurationError naming a malformed item.
    """
    if items:
        return parse_items(list(items), where="The command line")
    text = os.environ.get("AWS_INSTANCE_IDS")
    return parse_selection(text, where="AWS_INSTANCE_IDS") if text else None


def time_of(name: str, text: str | None) -> datetime | None:
    """A date (its midnight in UTC) or an ISO 8601 time with its offset.

    Raises ConfigurationError naming the option.
    """
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    try:
        return fields.timestamp(name, text)
    except ConfigurationError as error:
        hint = "It takes a date, as in 2026-11-01, or a time, as in 2026-11-01T10:00:00Z."
        raise ConfigurationError(error.message, hint) from error


def with_region(region: str | None) -> dict[str, str]:
    """The environment, with ``--region`` where it is given."""
    return {**os.environ} | ({"AWS_REGION": region} if region else {})
