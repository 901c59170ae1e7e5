"""The pages of the documentation, and what is in them: links, headings, commands, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", ".github/*.md", "benchmarks/*.md")
    for page in ROOT.glob(pattern)
)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """The addresses of all links."""
    return _LINK.findall(text_of(page))


def anchors(page: Path) -> set[str]:
    """The names of the headings, as GitHub makes them."""
    names: set[str] = set()
    for heading in _HEADING.findall(text_of(page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        names.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return names


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code in this language."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [block for name, block in found if name == language]


def shell_commands(page: Path) -> Iterator[str]:
    """Every command of the page's ``sh`` blocks, without its comment, on one line."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            command = " ".join(re.sub(r"(^|\s)#\s.*", "", line).split())
            if command:
                yield command


def first_cells(page: Path, title: str) -> set[str]:
    """What stands as code in the first column of every table that has ``title`` as its first."""
    names: set[str] = set()
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == title:
            inside = True
        elif inside:
            names.update(re.findall(r"`([^`]+)`", cells[0]))
    return names
