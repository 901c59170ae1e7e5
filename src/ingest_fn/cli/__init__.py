"""The command line, ``python -m ingest_fn``: its commands, errors and exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer

from ingest_fn.cli.commands.backfill import IncompleteBackfillError, backfill
from ingest_fn.cli.commands.cloudwatch import cloudwatch
from ingest_fn.cli.commands.doctor import doctor
from ingest_fn.cli.commands.estimate import estimate
from ingest_fn.cli.commands.migrate import migrate
from ingest_fn.cli.commands.prices import prices
from ingest_fn.cli.commands.report import report
from ingest_fn.cli.commands.synthetic import synthetic
from ingest_fn.cli.streams import forgive
from ingest_fn.errors import (
    LONGEST_HINT,
    LONGEST_MESSAGE,
    IncompleteRunError,
    IngestError,
    StoreError,
    StoreUnreachableError,
    UnexpectedError,
    printable,
)

OK, INCOMPLETE, REFUSED, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = {
    OK: "all well",
    INCOMPLETE: "some data could not be read or stored; what could be is stored",
    REFUSED: "bad usage, configuration or event; nothing was written",
    INTERRUPTED: "interrupted; what was stored stays",
}

UsageError: Any = typer.BadParameter.__base__
"""What typer raises for wrong arguments; it has no public name there."""

app = typer.Typer(
    help="Hourmeter: hourly EC2 utilisation from CloudWatch in Postgres.",
    epilog="Without DATABASE_URL or DATABASE_HOST, an embedded PostgreSQL under .local/ is used. "
    f"Exit codes: {'. '.join(f'{code}: {says}' for code, says in EXIT_CODES.items())}.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (cloudwatch, backfill, estimate, doctor, prices, report, synthetic, migrate):
    app.command()(command)


def _version(value: bool) -> None:  # noqa: FBT001  typer calls it so
    if value:
        print(f"hourmeter {version('hourmeter')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hourmeter: hourly EC2 utilisation from CloudWatch in Postgres."""


def main() -> None:
    """Run the command line and exit with one of ``EXIT_CODES``."""
    forgive()
    with exit_on_error():
        app(standalone_mode=False)


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turn an error into a sentence and its hint on stderr and an exit code. No traceback.

    With ``--json``, stdout gets the error as an object too: ``{"error": …, "hint": …}``.
    """
    try:
        yield
    except IngestError as error:
        _say(error.message, error.hint)
        sys.exit(_exit_code(error))
    except UsageError as error:
        if error.ctx and not sys.argv[1:]:
            print(error.ctx.get_help())
        else:
            path = error.ctx.command_path if error.ctx else "python -m ingest_fn"
            _say(error.format_message(), f"See {path} --help.")
        sys.exit(REFUSED)
    except (KeyboardInterrupt, typer.Abort):
        print("Interrupted. What was stored stays; run it again for the rest.", file=sys.stderr)
        _exit_now(INTERRUPTED)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        refused = IngestError(f"{what}.", "Check the path, and whether you may use it.")
        _say(refused.message, refused.hint)
        sys.exit(REFUSED)
    except Exception as error:  # noqa: BLE001  the last resort: a sentence, and whom to tell
        unexpected = UnexpectedError(error)
        _say(unexpected.message, unexpected.hint)
        sys.exit(INCOMPLETE)


def _exit_now(code: int) -> None:
    """End without waiting for threads in the middle of a call to AWS: nobody wants the answer."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _say(message: str, hint: str) -> None:
    message, hint = printable(message, LONGEST_MESSAGE), printable(hint, LONGEST_HINT)
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"       {hint}", file=sys.stderr)
    if "--json" in sys.argv:
        print(json.dumps({"error": message, "hint": hint or None}))


def _exit_code(error: IngestError) -> int:
    stored_some = isinstance(error, IncompleteRunError | IncompleteBackfillError | StoreError)
    return INCOMPLETE if stored_some and not isinstance(error, StoreUnreachableError) else REFUSED
