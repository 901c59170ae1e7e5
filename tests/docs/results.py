"""benchmarks/RESULTS.md, read back: a figure by section, row and column."""

from __future__ import annotations

import re
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "benchmarks" / "RESULTS.md"
_NUMBER = re.compile(r"(?:1/)?([\d,]+(?:\.\d+)?)")


class Results:
    """The tables of the recorded benchmark."""

    def __init__(self) -> None:
        self.text = RESULTS.read_text(encoding="utf-8")
        self._sections = dict(
            part.split("\n", 1) for part in re.split(r"^## ", self.text, flags=re.MULTILINE)[1:]
        )

    def number(self, section: str, row: str, column: str) -> float:
        """The figure where ``row`` (its first cell) and ``column`` (its first title) meet.

        ``1/43.1`` gives 43.1. A cell before its column's title of the same name counts first.
        """
        lines = [line for line in self._sections[section].splitlines() if line.startswith("|")]
        head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        (cells,) = (cells for cells in body if cells[0] == row)
        found = _NUMBER.search(cells[head.index(column)])
        assert found, (section, row, column)
        return float(found[1].replace(",", ""))


def rounded(number: float) -> str:
    """Two significant digits, with separators: 1,533 is 1,500."""
    return f"{float(f'{number:.2g}'):,.0f}"
