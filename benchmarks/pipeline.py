"""End to end: this pipeline against the old script's way, in one run, as ratios.

``python -m benchmarks.pipeline [--instances 1000 ...]``. CloudWatch answers after 30 ms and
Postgres is 1 ms away; the old way is measured on as many instances as it can finish.
"""

from __future__ import annotations

import argparse
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

import boto3
import psycopg

from benchmarks import old_script
from ingest_fn import schema
from ingest_fn.entry import Ingester
from ingest_fn.local.postgres import local_postgres
from ingest_fn.model import HOUR, Window
from ingest_fn.postgres.login import login_for
from ingest_fn.settings import database

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
WINDOW = Window(NOW.replace(minute=0) - 24 * HOUR, NOW.replace(minute=0))
SERVICE_DELAY, WIRE_DELAY = 0.03, 0.001
OLD_INSTANCES = 15


@dataclass
class Simulator:
    """The running simulator, and what it has cost so far."""

    process: subprocess.Popen[str]
    cloudwatch: int
    postgres: int

    def cpu(self) -> float:
        """CPU seconds that the simulator itself has used."""
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
        assert process.stdout is not None
        yield Simulator(process, **json.loads(process.stdout.readline()))


@dataclass(frozen=True)
class Figure:
    """One measured way: instances a second, and this process's CPU an instance."""

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
    """Time ``work`` and its CPU."""
    sim_before, wall, cpu = sim.cpu(), time.perf_counter(), time.process_time()
    work()
    cpu_after, wall_after = time.process_time(), time.perf_counter()
    return Figure(name, instances, wall_after - wall, cpu_after - cpu, sim.cpu() - sim_before)


def ids(count: int) -> list[str]:
    """Made-up instance ids."""
    return [f"i-{number:017x}" for number in range(count)]


def old_way(url: str, sim: Simulator) -> Figure:
    """The script that is replaced: stock boto3, one thing after the other."""
    cloudwatch = boto3.client("cloudwatch")
    with psycopg.connect(url) as connection:
        connection.execute(old_script.SCHEMA)
        connection.commit()
        return measured(
            "old script",
            OLD_INSTANCES,
            sim,
            lambda: old_script.run(cloudwatch, connection, ids(OLD_INSTANCES), WINDOW),
        )


def new_way(env: dict[str, str], count: int, sim: Simulator) -> list[Figure]:
    """The pipeline of today: a first load, then the same hours again."""
    event = {"scheduled_time": NOW.isoformat(), "instance_ids": ids(count)}
    with closing(Ingester(env)) as ingester:

        def run() -> Any:
            return ingester.ingest(event, now=NOW, time_left=lambda: math.inf)

        return [
            measured(f"{kind}, {count:,}", count, sim, run) for kind in ("first load", "re-run")
        ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, nargs="+", default=[1_000, 5_000])
    counts = parser.parse_args().instances
    with tempfile.TemporaryDirectory() as folder, local_postgres(Path(folder)) as server:
        parts = urlsplit(server.url)
        where = f"{parts.hostname}:{parts.port}"
        schema.upgrade(login_for(database({"DATABASE_URL": server.url}), None))
        with simulator(SERVICE_DELAY, WIRE_DELAY, where) as sim:
            far = parts.netloc.replace(where, f"127.0.0.1:{sim.postgres}")
            env = {
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "benchmark",
                "AWS_SECRET_ACCESS_KEY": "benchmark",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{sim.cloudwatch}",
                "DATABASE_URL": urlunsplit(parts._replace(netloc=far)),
                "CLOUDWATCH_API": "metric-data",
            }
            os.environ.update(env)
            old = old_way(env["DATABASE_URL"], sim)
            figures = [old]
            for count in counts:
                with psycopg.connect(server.url, autocommit=True) as connection:
                    connection.execute("TRUNCATE metrics, instances, ingest_runs")
                figures += new_way(env, count, sim)
            assert sim.process.stdin is not None
            sim.process.stdin.close()
    print(
        f"\n{'':<22}{'inst/s':>9}{'× old':>9}{'CPU µs/inst':>13}{'of old':>8}{'simulator CPU':>15}"
    )
    for figure in figures:
        print(
            f"{figure.name:<22}{figure.rate:>9,.0f}{figure.rate / old.rate:>9,.0f}"
            f"{figure.cpu_us:>13,.0f}{figure.cpu_us / old.cpu_us:>8.3f}"
            f"{figure.simulator_cpu / figure.seconds:>14.0%}"
        )


if __name__ == "__main__":
    main()
