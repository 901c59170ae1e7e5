"""``python -m ingest_fn.cli.stack``: ``make run``, ``up``, ``down``, ``page`` and ``psql``."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys

from ingest_fn.errors import ConfigurationError

MOST = 1_000
"""Machines of the emulator: more take it minutes."""


def main() -> None:
    """Do what the first argument says; without one, run the demo."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["psql"]:
        sys.exit(_psql(arguments[1:]))
    if arguments[:1] == ["page"]:
        _page()
        return
    action = arguments.pop(0) if arguments[:1] in (["up"], ["down"], ["serve"]) else "run"
    parser = argparse.ArgumentParser(prog=f"make {action}", allow_abbrev=False)
    if action != "down":
        parser.add_argument("--instances", type=_count, default=10, help="how many machines")
    if action in {"up", "serve"}:
        parser.add_argument("--postgres-port", type=int, default=54320, help="where to listen")
        parser.add_argument("--aws-port", type=int, default=45660, help="where to listen")
    if action == "run":
        parser.add_argument(
            "--into-my-database",
            action="store_true",
            help="store made-up machines in the database of DATABASE_URL, though it is in use",
        )
    given = parser.parse_args(arguments)
    # Already importing moto reads the profile, and nothing here is meant for an account of AWS.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    if action == "run":
        from ingest_fn.local.demo import demo

        demo(given.instances, into_my_database=given.into_my_database)
        return
    from ingest_fn.local import stack

    if action == "down":
        stack.down()
    else:
        wish = stack.Wish(given.instances, given.postgres_port, given.aws_port)
        (stack.up if action == "up" else stack.serve)(wish)


def _page() -> None:
    from ingest_fn.cli.commands.report import show
    from ingest_fn.local.demo import PAGE, demo

    if not PAGE.exists():
        demo()
    show(PAGE)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to {MOST}")
    return int(text)


def _psql(arguments: list[str]) -> int:
    """Psql on DATABASE_URL, or on the embedded server. Ctrl-C is psql's alone."""
    url = os.environ.get("DATABASE_URL")
    if url:
        if shutil.which("psql") is None:
            raise ConfigurationError(
                "DATABASE_URL is set, but there is no psql on the PATH.",
                "Install PostgreSQL's client, or unset DATABASE_URL for the data of make run.",
            )
        return _run(["psql", url, *arguments])
    from ingest_fn.local.postgres import local_postgres

    with local_postgres(notify=lambda line: print(line, file=sys.stderr)) as server:
        return _run(server.psql(*arguments))


def _run(command: list[str]) -> int:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with subprocess.Popen(command, preexec_fn=_default_interrupts) as process:  # noqa: PLW1509
            return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _default_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    try:
        from ingest_fn.cli import exit_on_error
        from ingest_fn.cli.streams import forgive
    except KeyboardInterrupt:
        # Half a second goes by with imports, and Ctrl-C may come in it.
        print("Interrupted. Nothing was begun.", file=sys.stderr)
        sys.exit(130)
    forgive()
    with exit_on_error():
        main()
