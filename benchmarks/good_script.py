"""The usual way to write such a script: stock boto3, GetMetricData, upserts by executemany."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import Window

SCHEMA = """
CREATE TABLE IF NOT EXISTS good_metrics (
    instance_id text, "timestamp" timestamptz, cpu_utilization double precision,
    cpu_utilization_max double precision, sample_count double precision,
    network_in double precision, network_out double precision,
    PRIMARY KEY (instance_id, "timestamp")
);
"""
UPSERT = """
INSERT INTO good_metrics VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (instance_id, "timestamp") DO UPDATE SET
    cpu_utilization = excluded.cpu_utilization, cpu_utilization_max = excluded.cpu_utilization_max,
    sample_count = excluded.sample_count, network_in = excluded.network_in,
    network_out = excluded.network_out
"""
BATCH = 100


def run(
    cloudwatch: Any, connection: psycopg.Connection, instance_ids: Sequence[str], window: Window
) -> None:
    """Read and store the instances, one batch after the other."""
    pages = cloudwatch.get_paginator("get_metric_data")
    for first in range(0, len(instance_ids), BATCH):
        batch = instance_ids[first : first + BATCH]
        rows: dict[tuple[str, Any], list[float | None]] = {}
        for page in pages.paginate(
            MetricDataQueries=[
                query(f"i{p}s{s}", id_, statistic)
                for p, id_ in enumerate(batch)
                for s, statistic in enumerate(DEFAULT)
            ],
            StartTime=window.start,
            EndTime=window.end,
            ScanBy="TimestampAscending",
        ):
            for result in page["MetricDataResults"]:
                position, _, statistic = result["Id"][1:].partition("s")
                for stamp, value in zip(result["Timestamps"], result["Values"], strict=True):
                    row = rows.setdefault((batch[int(position)], stamp), [None] * len(DEFAULT))
                    row[int(statistic)] = value
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(UPSERT, [(*key, *values) for key, values in rows.items()])


def query(id_: str, instance_id: str, statistic: Any) -> dict[str, Any]:
    """One query of the call."""
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": statistic.namespace,
                "MetricName": statistic.metric,
                "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
            },
            "Period": 3600,
            "Stat": statistic.statistic,
        },
    }
