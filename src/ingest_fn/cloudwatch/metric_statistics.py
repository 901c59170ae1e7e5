"""GetMetricStatistics: one call per metric and instance, the first million a month free.

Source of the rules: the GetMetricStatistics page of the CloudWatch API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ingest_fn.aws.clients import AWS_ERRORS, translate
from ingest_fn.cloudwatch.reading import hour_of, in_pieces, make_reading
from ingest_fn.errors import AwsError
from ingest_fn.pipeline.agent import Dimensions
from ingest_fn.pipeline.catalogue import Need, metrics_of
from ingest_fn.pipeline.model import HOUR_SECONDS, Batch, Cost, Fetched, Reading, Series, utc
from ingest_fn.pipeline.plan import MAX_STATISTICS_POINTS

_ACTION = "cloudwatch:GetMetricStatistics"


class MetricStatistics:
    """Reads one batch, one metric of one instance after the other."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def fetch(self, batch: Batch) -> Fetched:
        """A reading of every instance. Raises AccessDeniedError; all else is in ``unread``."""
        pieces = in_pieces(batch.window, MAX_STATISTICS_POINTS)
        readings = [self._read(id_, batch, pieces) for id_ in batch.instance_ids]
        calls = len(readings) * len(metrics_of(batch.statistics)) * len(pieces)
        return Fetched(readings, Cost(calls, calls))

    def _read(self, instance_id: str, batch: Batch, pieces: Sequence[range]) -> Reading:
        series: dict[str, Series] = {s.column: {} for s in batch.statistics}
        unread = None
        for (namespace, metric), statistics in metrics_of(batch.statistics).items():
            wanted = {s.statistic: series[s.column] for s in statistics}
            dimensions: Dimensions = (("InstanceId", instance_id),)
            if statistics[0].needs is Need.AGENT:
                agent = batch.series[instance_id]
                metric, dimensions = agent.metric, agent.dimensions  # noqa: PLW2901
            try:
                for point in self._points(dimensions, namespace, metric, list(wanted), pieces):
                    hour = hour_of(point["Timestamp"])
                    for statistic, kept in wanted.items():
                        if statistic in point:
                            kept[hour] = point[statistic]
            except AwsError as error:
                unread = error.message
        return make_reading(instance_id, tuple(series.values()), batch.window, unread)

    def _points(
        self,
        dimensions: Dimensions,
        namespace: str,
        metric: str,
        statistics: list[str],
        pieces: Sequence[range],
    ) -> Iterator[dict[str, Any]]:
        for hours in pieces:
            try:
                answer = self._client.get_metric_statistics(
                    Namespace=namespace,
                    MetricName=metric,
                    Dimensions=[{"Name": name, "Value": value} for name, value in dimensions],
                    StartTime=utc(hours.start),
                    EndTime=utc(hours.stop),
                    Period=HOUR_SECONDS,
                    Statistics=statistics,
                )
            except AWS_ERRORS as error:
                raise translate(error, _ACTION) from error
            yield from answer["Datapoints"]
