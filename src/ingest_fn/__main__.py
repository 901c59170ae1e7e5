"""``python -m ingest_fn``: the command line."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from ingest_fn.cli import main
    except KeyboardInterrupt:
        # Half a second goes by with imports, and Ctrl-C may come in it.
        print("Interrupted. Nothing was begun.", file=sys.stderr)
        sys.exit(130)
    main()
