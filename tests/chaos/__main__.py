"""``python -m tests.chaos``: see ``tests.chaos.play``."""

from __future__ import annotations

import sys

from tests.chaos.play import main

if __name__ == "__main__":
    sys.exit(main())
