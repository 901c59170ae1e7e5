"""The SQL statements, each a whole file in ``sql/`` that runs as it stands."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from ingest_fn.pipeline.statistic import Statistic, Statistics

_EACH_COLUMN = re.compile(r"^(.*?) -- each column$", re.MULTILINE)


@cache
def statement(name: str) -> bytes:
    """The text of ``sql/<name>.sql``."""
    return (files("ingest_fn.postgres") / "sql" / f"{name}.sql").read_bytes()


@cache
def for_columns(name: str, statistics: Statistics) -> bytes:
    """``sql/<name>.sql`` for the columns of ``statistics``.

    A line that ends in ``-- each column`` is written for ``cpu_utilization`` and its type, real.
    It is repeated for each column, so the file itself is the statement for that one column.
    """

    def repeated(match: re.Match[str]) -> str:
        line = match[1]
        joint = "\n" if line.lstrip().startswith("OR ") else ",\n"
        return joint.join(_for_column(line, entry) for entry in statistics)

    return _EACH_COLUMN.sub(repeated, statement(name).decode()).encode()


def _for_column(line: str, entry: Statistic) -> str:
    return line.replace("cpu_utilization", entry.column).replace("::real", f"::{entry.sql_type}")
