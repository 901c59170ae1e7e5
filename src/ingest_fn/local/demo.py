"""``make run``: the real handler and a real Postgres, with CloudWatch, EC2 and SSM emulated."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
from rich import box
from rich.console import Console
from rich.table import Table

from ingest_fn.answers.page.render import render
from ingest_fn.local import world
from ingest_fn.local.aws import local_aws
from ingest_fn.local.postgres import DIRECTORY, local_postgres
from ingest_fn.local.synthetic.fleet import Machine
from ingest_fn.pipeline.model import HOUR, Window, zulu
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.report import PostgresReport
from ingest_fn.request.event import parse_event
from ingest_fn.settings import database

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

PAGE = Path(".local/report.html")
EVENT = Path("events/scheduled.json")
REGION = "local-demo-1"
MACHINES, SEED = 10, 101
HISTORY = timedelta(hours=336)
TOO_OLD = timedelta(days=400)
"""CloudWatch keeps hourly datapoints for 455 days, and the first read goes back two weeks."""

SHOWN = {
    "status": (),
    "window": (),
    "instances": ("requested", "ok", "partial", "failed"),
    "rows": (),
    "hours": (),
    "cloudwatch": ("calls", "metrics_billed", "estimated_cost_usd"),
}
"""What of the result fits on a screen."""

UTILISATION = """
SELECT
    i.instance_id, i.name, i.instance_type, count(*), avg(m.cpu_utilization),
    max(m.cpu_utilization_max), avg(m.memory_utilization),
    avg(m.network_in) / 3600 / 1e3, avg(m.network_out) / 3600 / 1e3
FROM metrics AS m
JOIN instances AS i ON i.id = m.instance_id
WHERE m.timestamp >= %s AND m.timestamp < %s
GROUP BY i.id
ORDER BY i.instance_id
"""


@dataclass(frozen=True)
class Context:
    """The parts of Lambda's context that the handler uses."""

    aws_request_id: str = "local"

    def get_remaining_time_in_millis(self) -> int:
        """Fifteen minutes, the most that Lambda gives."""
        return 900_000


def demo(instances: int = MACHINES, *, into_my_database: bool = False) -> None:
    """Start both servers, publish a fleet, run the handler on the sample event, and show it all."""
    console = Console(highlight=False)
    event = _event()
    window = parse_event(event, now=datetime.now(UTC), lookback_hours=24).window
    with _database(console, into_my_database=into_my_database) as url, local_aws(REGION) as aws:
        before, after = world.prepare(url, REGION)
        state = "made" if before is None else "up to date"
        console.print(f"[bold]Schema[/]      {state}, revision {after}")
        with world.only_local(aws):
            os.environ.update(DATABASE_URL=url, INSTANCE_IDS_PARAMETER=world.PARAMETER)
            fortnight = Window(window.end - HISTORY, window.end)
            fleet = world.populate(instances, SEED, fortnight, REGION)
            console.print(f"[bold]AWS[/]         moto: {instances} made-up machines in {REGION}")
            console.print(f"[bold]SSM[/]         {world.PARAMETER} says: all")
            console.print(f"\n[bold cyan]lambda_handler({json.dumps(event)})[/]")
            _print(console, _invoke(event))
        console.print(_table(url, window, fleet))
        _write_page(url, window)
    console.print(
        "[bold]Look at it[/]   make psql   (or: make psql ARGS='-c \"TABLE ingest_runs\"')"
    )
    console.print("[bold]Run again[/]    make run    (nothing needs rewriting)")
    console.print(f"[bold]The page[/]     {PAGE}   (make page opens it)")


def _event() -> dict[str, Any]:
    """The sample, at the last quarter past where its own time is one that would be refused."""
    event: dict[str, Any] = json.loads(EVENT.read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    time = datetime.fromisoformat(event["scheduled_time"])
    if not now - TOO_OLD < time <= now:
        hour = now.replace(minute=0, second=0, microsecond=0)
        event["scheduled_time"] = zulu(min(now, hour + HOUR / 4))
    return event


@contextmanager
def _database(console: Console, *, into_my_database: bool) -> Iterator[str]:
    url = os.environ.get("DATABASE_URL")
    if url:
        if not into_my_database:
            world.check_not_in_use(url)
        console.print("[bold]PostgreSQL[/]  the server of DATABASE_URL")
        yield url
        return
    with local_postgres(notify=console.print) as server:
        with psycopg.connect(server.url) as connection:
            version = connection.info.parameter_status("server_version")
        console.print(f"[bold]PostgreSQL[/]  {version}, its data in {DIRECTORY}")
        yield server.url


def _print(console: Console, result: Mapping[str, Any]) -> None:
    """The result's main parts, a line each."""
    lines = []
    for name, keys in SHOWN.items():
        value = result[name]
        value = {key: value[key] for key in keys} if keys else value
        lines.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    console.print("{\n" + ",\n".join(lines) + "\n}", markup=False, soft_wrap=True)


def _invoke(event: object) -> dict[str, Any]:
    """The handler's result. Its log lines are dropped, because they are meant for CloudWatch."""
    from ingest_fn.app import ingester, lambda_handler

    try:
        with redirect_stdout(io.StringIO()):
            return lambda_handler(event, cast("LambdaContext", Context()))
    finally:
        ingester().close()


def _write_page(url: str, window: Window) -> None:
    """The page over the day that was read."""
    with closing(Connections(login_for(database({"DATABASE_URL": url}), None))) as connections:
        facts = PostgresReport(connections).facts(window.end, days=1, now=datetime.now(UTC))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(facts, window.end), encoding="utf-8")


def _table(url: str, window: Window, fleet: Sequence[Machine]) -> Table:
    labels = {machine.instance_id: str(machine.kind) for machine in fleet}
    table = Table(
        title=f"metrics from {zulu(window.start)} to {zulu(window.end)}, network in kB/s",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in ("name", "type", "made as"):
        table.add_column(name, no_wrap=True)
    for name in ("hours", "CPU %", "max %", "mem %", "in", "out"):
        table.add_column(name, justify="right", no_wrap=True)
    with psycopg.connect(url) as connection:
        for instance_id, name, kind, hours, *values in connection.execute(
            UTILISATION, [window.start, window.end]
        ):
            if instance_id in labels:
                digits = (1, 1, 1, 0, 0)
                cells = (
                    "" if value is None else f"{value:,.{places}f}"
                    for value, places in zip(values, digits, strict=True)
                )
                table.add_row(name, kind, labels[instance_id], str(hours), *cells)
    return table
