"""CloudWatch's two reading APIs behind one method: ``fetch(batch) -> Fetched``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import Api

if TYPE_CHECKING:
    from ingest_fn.pipeline.ports import MetricReader


def reader(api: Api, client: Any, pace: Pace) -> MetricReader:
    """The reader for ``api``; only the chosen one is imported. ``pace`` counts datapoints."""
    if api is Api.METRIC_DATA:
        from ingest_fn.cloudwatch.metric_data import MetricData

        return MetricData(client, pace)
    from ingest_fn.cloudwatch.metric_statistics import MetricStatistics

    return MetricStatistics(client)
