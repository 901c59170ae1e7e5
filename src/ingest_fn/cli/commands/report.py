"""``report``: the verdicts as a page, a table or JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ingest_fn.answers.exports import as_csv, as_json
from ingest_fn.answers.page.render import render
from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import time_of
from ingest_fn.cli.view import notify
from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.report import PostgresReport
from ingest_fn.settings import database

HTML, CSV, JSON = ".html", ".csv", ".json"
OPENERS = ("xdg-open", "open")


def report(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write: .html, .csv or .json.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=455, help="Days that are judged.")] = 14,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Judge as of this date or time. [default: now]")
    ] = None,
    team_tag: Annotated[str, typer.Option(help="Key of the tag that names a team.")] = "Team",
    *,
    open_it: Annotated[bool, typer.Option("--open", help="Open the file.")] = False,
    to_csv: Annotated[bool, typer.Option("--csv", help="Print CSV and nothing else.")] = False,
    to_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Write the verdicts to one file: a page that works offline, CSV or JSON.

    The page shows what to do first, what it saves, how sure that is, and what is missing. It is
    one file without any address in it, so it can be sent by e-mail.

    Example: python -m ingest_fn report --output report.html --open
    """
    kind = _kind(output, to_csv=to_csv, to_json=to_json)
    now = time_of("--as-of", as_of) or datetime.now(UTC)
    with with_database(os.environ, notify) as env:
        text = _text(env, kind, now.astimezone(UTC), days, team_tag)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        # Another encoder would break the hashes of the page and the line ends of the CSV.
        output.write_bytes(text.encode())
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write {output}: {error.strerror}.", "Name a file in a folder that exists."
        ) from error
    if to_json:
        print(json.dumps({"output": str(output), "bytes": output.stat().st_size}))
    else:
        print(f"Wrote {output} ({output.stat().st_size / 1e3:,.0f} kB).")
    if open_it:
        show(output)


def _kind(output: Path | None, *, to_csv: bool, to_json: bool) -> str:
    if output is not None:
        if output.suffix.lower() not in {HTML, CSV, JSON}:
            raise ConfigurationError(
                f"--output {output} ends in none of .html, .csv and .json.",
                "The ending says what is written, as in --output report.html.",
            )
        return output.suffix.lower()
    if to_csv and to_json:
        raise ConfigurationError("--csv and --json exclude each other.", "Give one of them.")
    if to_csv or to_json:
        return CSV if to_csv else JSON
    raise ConfigurationError(
        "Nothing says where the report goes.", "Give --output report.html, or --csv or --json."
    )


def _text(env: dict[str, str], kind: str, as_of: datetime, days: int, team_tag: str) -> str:
    with closing(Connections(login_for(database(env), env.get("AWS_REGION")))) as connections:
        reading = PostgresReport(connections)
        if kind == HTML:
            return render(reading.facts(as_of, days), as_of, team_tag=team_tag)
        rows = reading.verdicts(as_of, days)
    return as_csv(rows) if kind == CSV else as_json(rows, as_of, days)


def show(file: Path) -> None:
    """Open ``file`` with the program of this desktop, or say where it is."""
    opener = next(filter(None, map(shutil.which, OPENERS)), None)
    if opener is None or _run(opener, file) != 0:
        notify(f"Open it in a browser: {file.resolve().as_uri()}")


def _run(opener: str, file: Path) -> int:
    # A desktop's programs talk a lot on stderr.
    return subprocess.run([opener, str(file)], stderr=subprocess.DEVNULL, check=False).returncode
