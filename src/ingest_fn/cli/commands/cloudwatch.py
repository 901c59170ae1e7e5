"""``cloudwatch``: the hourly run, by hand."""

from __future__ import annotations

import json
import math
import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import Json, Quiet
from ingest_fn.cli.view import JsonView, View, notify
from ingest_fn.errors import EventError, IncompleteRunError
from ingest_fn.ingester import Ingester
from ingest_fn.request.selection import parse_selection


def cloudwatch(
    event: Annotated[
        Path | None,
        typer.Option(help="A JSON event, as in events/; - reads it from standard input."),
    ] = None,
    lookback_hours: Annotated[int | None, typer.Option(help="Hours to read.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, but write nothing.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read CloudWatch and store what is new or changed.

    The instances are those of AWS_INSTANCE_IDS (ids, all, tag:Key=Value, !item), or else of the
    SSM parameter that INSTANCE_IDS_PARAMETER names; the Region is AWS_REGION.

    Example: AWS_REGION=eu-central-1 AWS_INSTANCE_IDS=i-0123456789abcdef0
    python -m ingest_fn cloudwatch
    """
    body = _read(event)
    if lookback_hours is not None:
        body["lookback_hours"] = lookback_hours
    if dry_run:
        body["dry_run"] = True
    ids = os.environ.get("AWS_INSTANCE_IDS")
    view = JsonView() if as_json else View(quiet=quiet)
    with with_database(os.environ, notify) as env, closing(Ingester(env)) as ingester, view:
        incomplete = None
        try:
            result = ingester.ingest(
                body,
                now=datetime.now(UTC),
                time_left=lambda: math.inf,
                observer=view,
                trigger="cli",
                default=parse_selection(ids, where="AWS_INSTANCE_IDS") if ids else None,
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
