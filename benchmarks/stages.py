"""The CPU time of one batch by stage, which shows what to improve next: one thread, no delays.

``python -m benchmarks.stages``. A hundred instances × 24 hours, already stored and unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import orjson

from benchmarks.harness import WINDOW, ids, stage, table
from benchmarks.simulator import answer_of
from benchmarks.store import begin
from ingest_fn.aws.clients import Clients
from ingest_fn.cloudwatch.metric_data import MetricData, _Answers
from ingest_fn.cloudwatch.queries import body_of
from ingest_fn.cloudwatch.wire import GetMetricData
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import Batch
from ingest_fn.pipeline.rows import make_rows, outcomes_of
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metrics import PostgresMetrics
from ingest_fn.settings import database

BATCH, BATCHES = 100, 40


def cpu_us(work: Callable[[], object]) -> float:
    """CPU microseconds of this process per instance, the mean of many batches."""
    work()
    begun = time.process_time()
    for _ in range(BATCHES):
        work()
    return (time.process_time() - begun) / BATCHES / BATCH * 1e6


def results() -> str:
    """Measure, and return a table."""
    batch = Batch(ids(BATCH), WINDOW)
    with stage(service=0.0, wire=0.0) as at:
        clients = Clients(at.env["AWS_REGION"], 1)
        call, body = GetMetricData(clients.make("cloudwatch")), body_of(batch, None)
        encoded = answer_of(body)
        page = orjson.loads(encoded)
        readings = MetricData(clients.make("cloudwatch"), Pace(1e12)).fetch(batch).readings
        rows = make_rows(readings)
        begin(at.near_url, WINDOW)
        login = login_for(database({"DATABASE_URL": at.near_url}), None)
        with closing(Connections(login)) as connections:
            store = PostgresMetrics(connections, "us-east-1")
            written = store.write(rows)

            def merged() -> object:
                answers = _Answers(batch)
                answers.add(page, plain=True)
                return answers.readings()

            decoding = cpu_us(lambda: orjson.loads(encoded))
            whole_call = cpu_us(lambda: call(body))
            figures = {
                "make the request": cpu_us(lambda: body_of(batch, None)),
                "botocore: sign, send, receive": whole_call - decoding,
                "decode the answer": decoding,
                "merge it into readings": cpu_us(merged),
                "make rows": cpu_us(lambda: make_rows(readings)),
                "pack and send to Postgres": cpu_us(lambda: store.write(rows)),
                "account for each instance": cpu_us(
                    lambda: list(outcomes_of(readings, rows, written))
                ),
            }
    total = sum(figures.values())
    return table(
        "stage|CPU µs/instance|share",
        *(f"{name}|{us:.1f}|{us / total:.0%}" for name, us in figures.items()),
        f"together|{total:.1f}|100%",
    )


if __name__ == "__main__":
    print(results())
