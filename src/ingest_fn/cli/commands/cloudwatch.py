"""``cloudwatch``: the hourly run, by hand."""

from __future__ import annotations

import json
import math
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import Items, Json, Quiet, Region, selection_of, time_of, with_region
from ingest_fn.cli.view import JsonView, View, notify
from ingest_fn.errors import EventError, IncompleteRunError
from ingest_fn.ingester import Ingester
from ingest_fn.pipeline.model import zulu

_CHOICES = {"instances", "instance_ids", "target"}


def cloudwatch(  # noqa: PLR0917  typer passes them by name
    items: Items = None,
    event: Annotated[
        Path | None,
        typer.Option(help="A JSON event, as in events/; - reads it from standard input."),
    ] = None,
    lookback_hours: Annotated[int | None, typer.Option(help="Hours to read.")] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="First hour: a date or time; with --end.")
    ] = None,
    end: Annotated[str | None, typer.Option("--end", help="End of the hours, exclusive.")] = None,
    region: Region = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, but write nothing.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read CloudWatch and store what is new or changed.

    The instances are the items, or else those of AWS_INSTANCE_IDS (ids, all, tag:Key=Value,
    !item), or else of the SSM parameter that INSTANCE_IDS_PARAMETER names.

    Example: AWS_REGION=eu-central-1 AWS_INSTANCE_IDS=i-0123456789abcdef0
    python -m ingest_fn cloudwatch
    """
    body = _read(event)
    if lookback_hours is not None:
        body["lookback_hours"] = lookback_hours
    for key, text in (("start", start), ("end", end)):
        time = time_of(f"--{key}", text)
        if time is not None:
            body[key] = zulu(time)
    if dry_run:
        body["dry_run"] = True
    if items and not body.keys().isdisjoint(_CHOICES):
        raise EventError(
            "The command line names instances, and so does the event.", "Give one of them."
        )
    view = JsonView() if as_json else View(quiet=quiet)
    env = with_region(region)
    with with_database(env, notify) as env, closing(Ingester(env)) as ingester, view:
        incomplete = None
        try:
            result = ingester.ingest(
                body,
                now=datetime.now(UTC),
                time_left=lambda: math.inf,
                observer=view,
                trigger="cli",
                default=selection_of(items),
            )
        except IncompleteRunError as error:
            result, incomplete = error.result, error
        view.closing(result)
        if incomplete is not None:
            raise incomplete


def _read(event: Path | None) -> dict[str, Any]:
    """The event of the file, or an empty one."""
    if event is None:
        return {}
    try:
        text = sys.stdin.read() if str(event) == "-" else event.read_text(encoding="utf-8")
        body = json.loads(text)
    except OSError as error:
        raise EventError(f"Cannot read the event file {event}: {error.strerror}.") from error
    except ValueError as error:
        raise EventError(f"{event} is not JSON ({error}).", "See the files in events/.") from error
    if not isinstance(body, dict):
        raise EventError(f"{event} holds no JSON object.", "See the files in events/.")
    return body
