"""``python -m ingest_fn.cli.stack``: what ``make run``, ``make page`` and ``make psql`` start."""

from __future__ import annotations

import os
import subprocess
import sys

from ingest_fn.cli import exit_on_error
from ingest_fn.cli.commands.report import show
from ingest_fn.local.demo import PAGE, demo
from ingest_fn.local.postgres import local_postgres


def main() -> None:
    """Run the demo, open its page, or run psql on its database."""
    if sys.argv[1:2] == ["page"]:
        if not PAGE.exists():
            demo()
        show(PAGE)
    elif sys.argv[1:2] != ["psql"]:
        demo()
    elif url := os.environ.get("DATABASE_URL"):
        sys.exit(subprocess.run(["psql", url, *sys.argv[2:]], check=False).returncode)
    else:
        with local_postgres(notify=print) as server:
            sys.exit(subprocess.run(server.psql(*sys.argv[2:]), check=False).returncode)


if __name__ == "__main__":
    with exit_on_error():
        main()
