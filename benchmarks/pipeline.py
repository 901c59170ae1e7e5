"""End to end: this pipeline, the old script and a good script, in one run.

``python -m benchmarks.pipeline [--instances 1000 ...]``. CloudWatch answers after 30 ms, Postgres
after 1 ms. The two scripts read fewer instances, because they take longer.
"""

from __future__ import annotations

import argparse
from operator import attrgetter
from typing import Any

import boto3
import psycopg

from benchmarks import good_script, old_script
from benchmarks.harness import WINDOW, Figure, Stage, ids, measured, runner, stage, table

OLD_INSTANCES, GOOD_INSTANCES = 15, 500


def script(name: str, module: Any, count: int, at: Stage) -> Figure:
    """One of the two scripts, with a connection of its own and a stock client."""
    cloudwatch = boto3.client("cloudwatch")
    with psycopg.connect(at.env["DATABASE_URL"]) as connection:
        connection.execute(module.SCHEMA)
        connection.commit()
        return measured(
            name,
            count,
            at.simulator,
            lambda: module.run(cloudwatch, connection, ids(count), WINDOW),
        )


def pipeline(count: int, at: Stage) -> list[Figure]:
    """A first load, then the same hours again (the median of three runs)."""
    at.emptied()
    with runner(at.env, count) as run:
        first = measured(f"first load, {count:,} instances", count, at.simulator, run)
        again = [
            measured(f"re-run, {count:,} instances", count, at.simulator, run) for _ in range(3)
        ]
    return [first, sorted(again, key=attrgetter("seconds"))[1]]


def results(counts: list[int]) -> str:
    """Measure, and return a table."""
    with stage() as at:
        old = script("the old script", old_script, OLD_INSTANCES, at)
        good = script("stock boto3, executemany", good_script, GOOD_INSTANCES, at)
        figures = [old, good, *(figure for count in counts for figure in pipeline(count, at))]
    return table(
        "way|instances/s|× old script|CPU µs/instance|of stock boto3|simulator's CPU",
        *(
            f"{f.name}|{f.rate:,.0f}|{f.rate / old.rate:,.0f}|{f.cpu_us:,.0f}"
            f"|1/{good.cpu_us / f.cpu_us:,.1f}|{f.simulator_cpu / f.seconds:.0%} of a core"
            for f in figures
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, nargs="+", default=[1_000, 5_000])
    print(results(parser.parse_args().instances))
