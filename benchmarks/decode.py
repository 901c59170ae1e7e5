"""The client's CPU time for one GetMetricData call: stock botocore and the reader's hooks.

``python -m benchmarks.decode``. 500 queries × 24 hours, answered without delay. Both ways use the
same botocore client with its signing, its connection and its error handling.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import boto3
from botocore.config import Config

from benchmarks.good_script import query
from benchmarks.harness import WINDOW, ids, stage, table
from ingest_fn.aws.clients import Clients
from ingest_fn.cloudwatch.metric_data import MetricData
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import Batch

CALLS = 20


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of this process per call of ``work``, the mean of many calls."""
    work()
    begun = time.process_time()
    for _ in range(CALLS):
        work()
    return (time.process_time() - begun) / CALLS * 1e3


def results() -> str:
    """Measure, and return a table."""
    batch = ids(100)
    with stage(service=0.0, wire=0.0) as at:
        stock = boto3.client("cloudwatch", config=Config(retries={"mode": "adaptive"}))
        queries = [
            query(f"i{p}s{s}", id_, statistic)
            for p, id_ in enumerate(batch)
            for s, statistic in enumerate(DEFAULT)
        ]
        reader = MetricData(Clients(at.env["AWS_REGION"], 1).make("cloudwatch"), Pace(1e12))
        figures = {
            "stock botocore, its dicts untouched": cpu_ms(
                lambda: stock.get_metric_data(
                    MetricDataQueries=queries, StartTime=WINDOW.start, EndTime=WINDOW.end
                )
            ),
            "this reader, readings made": cpu_ms(lambda: reader.fetch(Batch(batch, WINDOW))),
        }
    first = next(iter(figures.values()))
    return table(
        "500 queries × 24 hours|CPU ms/call|of stock",
        *(f"{name}|{ms:.1f}|1/{first / ms:.1f}" for name, ms in figures.items()),
    )


if __name__ == "__main__":
    print(results())
