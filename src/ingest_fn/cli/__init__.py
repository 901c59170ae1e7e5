"""The commands of ``python -m ingest_fn``: each makes an event, a call and an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ingest_fn.cli.commands.cloudwatch import cloudwatch
from ingest_fn.cli.commands.migrate import migrate
from ingest_fn.cli.commands.synthetic import synthetic
from ingest_fn.errors import (
    IncompleteRunError,
    IngestError,
    StoreError,
    StoreUnreachableError,
)

INCOMPLETE, REFUSED, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Hourly EC2 utilisation from CloudWatch into Postgres.",
    epilog="Without DATABASE_URL or DATABASE_HOST, an embedded PostgreSQL under .local/ is used.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(cloudwatch)
app.command()(synthetic)
app.command()(migrate)


def main() -> None:
    """Run the command line; 0 all well, 1 incomplete, 2 refused with nothing written."""
    # What keeps the pool from connecting is said once, in the error that ends the command.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    with exit_on_error():
        app()


@contextmanager
def exit_on_error() -> Iterator[None]:
    """One clear sentence on stderr and the exit code, never a traceback."""
    try:
        yield
    except IngestError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"       {error.hint}", file=sys.stderr)
        sys.exit(_exit_code(error))
    except KeyboardInterrupt:
        print("Interrupted. What was stored stays; run it again for the rest.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _exit_code(error: IngestError) -> int:
    stored_some = isinstance(error, IncompleteRunError | StoreError)
    return INCOMPLETE if stored_some and not isinstance(error, StoreUnreachableError) else REFUSED
