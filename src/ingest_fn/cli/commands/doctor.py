"""``doctor``: whether a run would work, and what to do where it would not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingest_fn.answers.doctor.checks import Check, Status
from ingest_fn.answers.doctor.doctor import Doctor
from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import Items, Json, Region, selection_of, with_region
from ingest_fn.cli.view import notify
from ingest_fn.errors import IngestError

STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.WRONG: "bold red"}
WIDEST = 100
"""Columns: longer lines are hard to read."""


def doctor(items: Items = None, region: Region = None, *, as_json: Json = False) -> None:
    """Check everything that a run needs, by trying it.

    Credentials, Region, clock, instances, each permission, CloudWatch's data, the database and its
    tables, the schedule and the budget. It writes nothing, and reads at most 102 metrics of
    CloudWatch ($0.001). The exit code is 1 where something is wrong.

    Example: AWS_REGION=eu-central-1 AWS_INSTANCE_IDS=all python -m ingest_fn doctor
    """
    with _environment(with_region(region)) as (env, error):
        checks = list(Doctor(env, datetime.now(UTC), lambda: selection_of(items), error).examine())
    if as_json:
        print(json.dumps({"checks": [check.as_dict() for check in checks]}))
    else:
        _show(checks)
    if any(check.status is Status.WRONG for check in checks):
        sys.exit(1)


@contextmanager
def _environment(env: dict[str, str]) -> Iterator[tuple[dict[str, str], IngestError | None]]:
    """``env`` with a database, or without one and the reason why."""
    local = with_database(env, notify)
    try:
        ready = local.__enter__()
    except IngestError as error:
        yield env, error
        return
    try:
        yield ready, None
    finally:
        local.__exit__(None, None, None)


def _show(checks: Sequence[Check]) -> None:
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2, 0, 0), expand=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=min(console.width, WIDEST) - 10)
    told = set[str]()
    for check in checks:
        said = Text.assemble((check.name, "bold"), f": {check.message}")
        if check.hint and check.hint not in told:
            said.append(f"\n  {check.hint}", "cyan")
            told.add(check.hint)
        table.add_row(Text(check.status.value, STYLES[check.status]), said)
    console.print(table)
    count = {status: sum(check.status is status for check in checks) for status in Status}
    console.print("\n" + ", ".join(f"{number} {status}" for status, number in count.items()) + ".")
