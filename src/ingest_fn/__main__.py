"""``python -m ingest_fn``: the command line."""

from __future__ import annotations

from ingest_fn.cli import main

if __name__ == "__main__":
    main()
