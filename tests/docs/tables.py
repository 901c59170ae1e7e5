"""The generated parts of README.md and docs/: ``make docs`` writes them, a test compares them.

Each function returns Markdown. A page calls it in a cog block:
``<!-- [[[cog print(tables.commands()) ]]] -->``.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import typer

from ingest_fn.cli import EXIT_CODES, app
from ingest_fn.pipeline.budget import choose
from ingest_fn.pipeline.catalogue import CATALOGUE, DEFAULT
from ingest_fn.pipeline.model import Api
from ingest_fn.pipeline.pricing import HOURLY_RUNS_A_MONTH, monthly_cost
from ingest_fn.pipeline.statistic import metrics_of
from ingest_fn.variables import SETTINGS
from tests.docs.results import Results, rounded
from tests.postgres import TEMPLATE, running_server

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "ingest_fn"
FLEETS = (10, 100, 1_000, 10_000, 100_000)
FRESHNESS_SHOWN = (1, 6, 24)

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    col_description(c.oid, a.attnum), obj_description(c.oid)
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = ANY(%s)
AND NOT c.relispartition AND c.relname <> 'hourmeter_schema'
AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""


def table(*rows: str) -> str:
    """A Markdown table from rows of cells that are separated by ``|``; the first is the head."""
    head, *body = (f"| {row} |" for row in rows)
    rule = "|" + "---|" * (rows[0].count("|") + 1)
    return "\n".join([head, rule, *body])


def commands() -> str:
    """Every command with its help and its options, as the command line itself knows them."""
    root: Any = typer.main.get_command(app)  # typer ships a click of its own, without types
    return "\n\n".join(_command(name, command) for name, command in root.commands.items())


def _command(name: str, command: Any) -> str:
    text, _, example = (command.help or "").partition("Example:")
    assert example, f"the help of {name} has no example"
    paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    options = [
        f"`{', '.join(option.opts)}`|{option.help}|{_default(option)}"
        for option in command.params
        if option.param_type_name == "option" and option.name != "help"
    ]
    arguments = [
        f"`{one.metavar or one.name.upper()}`|{one.help}|"
        for one in command.params
        if one.param_type_name == "argument"
    ]
    for option in command.params:
        assert getattr(option, "help", None), f"{name}: {option.name} has no help"
    return "\n\n".join(
        [
            f"## {name}",
            *paragraphs,
            f"```sh\n{' '.join(example.split())}\n```",
            table("argument or option|meaning|default", *arguments, *options),
        ]
    )


def _default(option: Any) -> str:
    return "" if option.is_flag or option.default is None else f"`{option.default}`"


def exit_codes() -> str:
    """What a command's exit code says."""
    return table("exit code|meaning", *(f"{code}|{says}" for code, says in EXIT_CODES.items()))


def settings() -> str:
    """Every environment variable, from the table that the code reads them by."""
    return table(
        "variable|meaning|takes|default",
        *(
            f"`{one.name}`|{one.meaning}|{one.takes}|{f'`{one.default}`' if one.default else ''}"
            for one in SETTINGS.values()
        ),
    )


def statistics() -> str:
    """The metric catalogue."""
    return table(
        "column|CloudWatch metric|statistic|unit|read",
        *(
            f"`{one.column}`|{one.namespace} {one.metric}|{one.statistic}|{one.unit}"
            f"|{f'with `METRICS={one.group}`' if one.group else 'always'}"
            for one in CATALOGUE
        ),
    )


def cost() -> str:
    """CloudWatch's price per month for fleets of several sizes."""
    ways = [f"`FRESHNESS_HOURS={freshness}`" for freshness in FRESHNESS_SHOWN]
    return table(
        "|".join(["instances", "only GetMetricData, hourly", *ways]),
        *(f"{fleet:,}|{'|'.join(_costs(fleet * len(metrics_of(DEFAULT))))}" for fleet in FLEETS),
    ).replace("---|", "---:|")


def _costs(metrics: int) -> Iterator[str]:
    yield _dollars(Api.METRIC_DATA, metrics)
    for freshness in FRESHNESS_SHOWN:
        api = choose(metrics, api=None, freshness_hours=freshness, budget_usd=None).api
        yield _dollars(api, metrics / freshness)


def _dollars(api: Api, metrics: float) -> str:
    return f"{monthly_cost(api, metrics, HOURLY_RUNS_A_MONTH):,.2f}"


def speed() -> str:
    """What the recorded benchmark says, in sentences."""
    results = Results()
    end = "End to end, CloudWatch 30 ms away and Postgres 1 ms"
    rerun = results.number(end, "re-run, 10,000 instances", "× old script")
    first = results.number(end, "first load, 10,000 instances", "× old script")
    wal = results.number("The store alone", "re-run, this store", "WAL bytes/row")
    decode = results.number(
        "A GetMetricData call on the client's side", "this reader, readings made", "of stock"
    )
    memory = results.number("Memory and CPU over the fleet's size", "50,000", "peak MB")
    cold = results.number(
        "Cold start, under AWS's runtime emulator", "this function, as built", "of the obvious"
    )
    return f"""\
- A run over 10,000 instances × 24 hours that are all stored already has {rounded(rerun)} times the
  throughput of one call per metric and one statement per row. It writes {wal:.0f} bytes of WAL per
  row. A first load has {rounded(first)} times the throughput.
- Decoding a GetMetricData answer of 500 queries takes 1/{rounded(decode)} of stock botocore's CPU.
- Memory stays at {rounded(memory)} MB for 50,000 instances.
- The init phase of a cold start takes {cold * 100:.0f} % of the time that the same libraries take
  when they are imported at the top of the module."""


@dataclass(frozen=True)
class Demo:
    """A finished ``make run`` in a folder of its own: what it showed, and the way to its data."""

    folder: tempfile.TemporaryDirectory[str]
    said: str

    def psql(self, query: str) -> str:
        """What ``make psql`` prints for ``query``."""
        return _stack(self.folder.name, "psql", "-P", "footer=off", "-c", query)


@cache
def _demo() -> Demo:
    folder = tempfile.TemporaryDirectory()
    Path(folder.name, "events").symlink_to(ROOT / "events")
    return Demo(folder, _stack(folder.name))


def _stack(folder: str, *arguments: str) -> str:
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "DATABASE_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "ingest_fn.cli.stack", *arguments],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def demo() -> str:
    """The table that ``make run`` shows, from a real run."""
    said = _demo().said
    shown = re.search(r"^(metrics from .*?\n)\n?Look at it", said, re.DOTALL | re.MULTILINE)
    assert shown, said
    lines = [line.rstrip() for line in shown[1].splitlines() if line.strip()]
    return "\n".join(["```", *lines, "```"])


def layers() -> str:
    """The folders of the package in the order of their imports, from import-linter's contract."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (order,) = (one["layers"] for one in contracts if one["type"] == "layers")
    lines = []
    for number, layer in enumerate(order):
        for name in layer.split(" | "):
            path = f"{name}/" if (PACKAGE / name).is_dir() else f"{name}.py"
            lines.append(f"{number + 1:>2}  {path:<13} {_first_line(name)}")
    return "\n".join(["```", *lines, "```"])


def _first_line(name: str) -> str:
    module = PACKAGE / name / "__init__.py"
    source = (module if module.exists() else PACKAGE / f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]


@cache
def _described(kinds: str) -> list[tuple[str, str, str, bool, str | None, str]]:
    """The columns of a migrated database, of relations of these kinds (as in pg_class)."""
    with (
        tempfile.TemporaryDirectory() as name,
        running_server(Path(name)) as server,
        psycopg.connect(server.url_of(TEMPLATE)) as connection,
    ):
        return connection.execute(COLUMNS, [list(kinds)]).fetchall()


def columns() -> str:
    """Every table and column of a migrated database, with the comment that it carries there."""
    return _relations(
        "rp",
        "column|type|never NULL|meaning",
        lambda name, kind, required, says: f"{name}|{kind}|{'yes' if required else ''}|{says}",
    )


def views() -> str:
    """Every view, in the same way."""
    return _relations(
        "v", "column|type|meaning", lambda name, kind, _, says: f"{name}|{kind}|{says}"
    )


def _relations(kinds: str, head: str, line: Callable[[str, str, bool, str], str]) -> str:
    parts: dict[str, list[str]] = {}
    for relation, column, kind, required, says, about in _described(kinds):
        short = kind.replace("timestamp with time zone", "timestamptz")
        lines = parts.setdefault(f"### {relation}\n\n{about}", [])
        lines.append(line(f"`{column}`", short, required, says or ""))
    return "\n\n".join(f"{title}\n\n{table(head, *lines)}" for title, lines in parts.items())


def answer() -> str:
    """What the question of README.md answers, on the data of ``make run``."""
    query = re.search(r"```sql\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert query
    lines = [line.rstrip() for line in _demo().psql(query[1]).splitlines() if line.strip()]
    return "\n".join(["```", *lines, "```"])
