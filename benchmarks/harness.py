"""What the benchmarks share: a PostgreSQL, a CloudWatch, a delay to both, and timing."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from ingest_fn.ingester import Ingester
from ingest_fn.local.postgres import local_postgres
from ingest_fn.pipeline.model import HOUR, Window
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.upgrade import upgrade
from ingest_fn.settings import database

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
WINDOW = Window(NOW.replace(minute=0) - 24 * HOUR, NOW.replace(minute=0))
SERVICE_DELAY, WIRE_DELAY = 0.03, 0.001

ENVIRONMENT = {
    "FIRST_LOOKBACK_HOURS": "24",  # the scripts read a day as well
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "CLOUDWATCH_API": "metric-data",
    # The simulator has no quota, because the client is what is measured.
    "CLOUDWATCH_DATAPOINTS_PER_SECOND": "1000000000",
}


@dataclass
class Simulator:
    """The running simulator, and the CPU time that it has used."""

    process: subprocess.Popen[str]
    cloudwatch: int
    postgres: int

    def cpu(self) -> float:
        """The simulator's own CPU seconds so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds: float = json.loads(self.process.stdout.readline())["cpu"]
        return seconds


@contextmanager
def simulator(service: float, wire: float, postgres: str) -> Iterator[Simulator]:
    """The simulator in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.simulator", str(service), str(wire), postgres]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Simulator(process, **json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a new PostgreSQL with the schema in it."""
    with tempfile.TemporaryDirectory() as folder, local_postgres(Path(folder)) as server:
        upgrade(login_for(database({"DATABASE_URL": server.url}), None))
        yield server.url


@dataclass
class Stage:
    """The place of a run: its environment, and a URL of the database without the delay."""

    env: dict[str, str]
    near_url: str
    simulator: Simulator

    def emptied(self) -> None:
        """Remove all rows."""
        with psycopg.connect(self.near_url, autocommit=True) as connection:
            connection.execute("TRUNCATE metrics, instances, ingest_runs CASCADE")
            connection.execute("CHECKPOINT")


@contextmanager
def stage(service: float = SERVICE_DELAY, wire: float = WIRE_DELAY) -> Iterator[Stage]:
    """CloudWatch answers after ``service`` seconds, Postgres after ``wire`` seconds."""
    with postgres() as url:
        parts = urlsplit(url)
        where = f"{parts.hostname}:{parts.port}"
        with simulator(service, wire, where) as sim:
            far = parts._replace(netloc=parts.netloc.replace(where, f"127.0.0.1:{sim.postgres}"))
            env = ENVIRONMENT | {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{sim.cloudwatch}",
                "DATABASE_URL": urlunsplit(far),
            }
            os.environ.update(env)
            yield Stage(env, url, sim)


@dataclass(frozen=True)
class Figure:
    """One measured way: instances per second, and this process's CPU time per instance."""

    name: str
    instances: int
    seconds: float
    cpu: float
    simulator_cpu: float

    @property
    def rate(self) -> float:
        return self.instances / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu / self.instances * 1e6


def measured(name: str, instances: int, sim: Simulator, work: Callable[[], object]) -> Figure:
    """Measure the time and the CPU time of ``work``."""
    sim_before, wall, cpu = sim.cpu(), time.perf_counter(), time.process_time()
    work()
    cpu_after, wall_after = time.process_time(), time.perf_counter()
    return Figure(name, instances, wall_after - wall, cpu_after - cpu, sim.cpu() - sim_before)


def ids(count: int) -> list[str]:
    """Made-up instance ids."""
    return [f"i-{number:017x}" for number in range(count)]


@contextmanager
def runner(env: dict[str, str], count: int) -> Iterator[Callable[[], Any]]:
    """A call that ingests ``count`` instances over ``WINDOW``, as the Lambda does."""
    event = {"scheduled_time": NOW.isoformat(), "instance_ids": ids(count)}
    with closing(Ingester(env)) as ingester:
        yield lambda: ingester.ingest(event, now=NOW, time_left=lambda: math.inf)


def table(head: str, *lines: str) -> str:
    """A Markdown table that is readable in a terminal. ``|`` separates the cells."""
    rows = [[cell.strip() for cell in line.split("|")] for line in (head, *lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if first else cell.rjust(width)
            for cell, width, first in zip(row, widths, [True] + [False] * len(row), strict=False)
        )
        + " |"
        for row in (rows[0], rule, *rows[1:])
    )
