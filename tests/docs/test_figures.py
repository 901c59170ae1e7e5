"""Figures that pages quote from benchmarks/RESULTS.md are the ones that stand there.

The generated part of README.md has its own test. A quoted figure may be rounded: it may differ
from the recorded one by ``TOLERANCE``.
"""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT
from tests.docs.results import Results

TOLERANCE = 0.05
MILLION, KEY_ORDER = "docs/a-million-instances.md", "docs/decisions/0001-key-order.md"
HOOKS, UPSERT = (
    "docs/decisions/0004-botocore-hooks.md",
    "docs/decisions/0003-insert-before-upsert.md",
)
STORE, ORDER = "The store alone", "The order of the key"
CALL = "A GetMetricData call on the client's side"
HOUR_FIRST, INSTANCE_FIRST = "hour, instance", "instance, hour"

QUOTED = [
    (MILLION, r"checks some ([\d,]+) rows per second", STORE, "re-run, this store", "rows/s"),
    (MILLION, r"at ([\d,]+) rows per second, ", STORE, "first load, this store", "rows/s"),
    (MILLION, r"24 million rows at (\d+) bytes", STORE, "first load, this store", "WAL bytes/row"),
    (MILLION, r"at (\d+) bytes per new row", ORDER, HOUR_FIRST, "its WAL bytes/row"),
    (
        MILLION,
        r"at (\d+) µs of client CPU per instance",
        "Memory and CPU over the fleet's size",
        "50,000",
        "CPU µs/instance",
    ),
    (KEY_ORDER, r"takes (\d+) ms\s+and \d+ bytes", ORDER, HOUR_FIRST, "new hour, ms"),
    (KEY_ORDER, r"and (\d+) bytes of WAL per row", ORDER, HOUR_FIRST, "its WAL bytes/row"),
    (KEY_ORDER, r"another page: (\d+) ms", ORDER, INSTANCE_FIRST, "new hour, ms"),
    (KEY_ORDER, r"and ([\d,]+)\s+bytes\. ", ORDER, INSTANCE_FIRST, "its WAL bytes/row"),
    (KEY_ORDER, r"is read in (\d+) ms", ORDER, HOUR_FIRST, "fleet's day, ms"),
    (KEY_ORDER, r"instead of (\d+) ms", ORDER, INSTANCE_FIRST, "fleet's day, ms"),
    (KEY_ORDER, r"a month of it takes ([\d.]+) ms", ORDER, HOUR_FIRST, "one instance's month, ms"),
    (KEY_ORDER, r"instead of (0\.\d) ms", ORDER, INSTANCE_FIRST, "one instance's month, ms"),
    (HOOKS, r"take ([\d.]+) ms of CPU", CALL, "this reader, readings made", "CPU ms/call"),
    (HOOKS, r"instead of ([\d.]+) ms", CALL, "stock botocore, its dicts untouched", "CPU ms/call"),
    (UPSERT, r"writes (\d+) bytes of WAL", STORE, "re-run, executemany", "WAL bytes/row"),
]


@pytest.mark.parametrize(("page", "pattern", "section", "row", "column"), QUOTED)
def test_quoted_figures(page: str, pattern: str, section: str, row: str, column: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(pattern, text)
    assert found, f"{page} has no figure like {pattern}"
    recorded = Results().number(section, row, column)
    for figure in found:
        quoted = float(figure.replace(",", ""))
        assert quoted == pytest.approx(recorded, rel=TOLERANCE), f"{page}: {pattern}"


def test_the_size_of_a_stored_row() -> None:
    recorded = re.search(r"A stored row takes ([\d.]+) bytes", Results().text)
    quoted = re.search(r"at (\d+) bytes per row", (ROOT / MILLION).read_text(encoding="utf-8"))
    assert recorded
    assert quoted
    assert float(quoted[1]) == pytest.approx(float(recorded[1]), rel=TOLERANCE)
