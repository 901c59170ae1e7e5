"""GetMetricStatistics: one call per metric and instance, the first million a month free.

Source of the rules: the GetMetricStatistics page of the CloudWatch API reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest_fn.aws.clients import AWS_ERRORS, translate
from ingest_fn.cloudwatch.reading import Meter, in_pieces, sound_part
from ingest_fn.cloudwatch.wire import ANSWER, decode
from ingest_fn.errors import AwsError
from ingest_fn.pipeline.agent import Dimensions
from ingest_fn.pipeline.model import (
    HOUR_SECONDS,
    Batch,
    Cost,
    Fetched,
    Reading,
    Series,
    Window,
    utc,
)
from ingest_fn.pipeline.plan import MAX_STATISTICS_POINTS
from ingest_fn.pipeline.statistic import Need, Statistic, Statistics, metrics_of

_ACTION = "cloudwatch:GetMetricStatistics"


class MetricStatistics:
    """Reads one batch, one metric of one instance after the other."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._meter = Meter()
        client.meta.events.register("before-send.cloudwatch", self._meter.attempted)
        decode(client, "GetMetricStatistics")

    @property
    def spent(self) -> Cost:
        """All that was asked so far, also for batches that were given up."""
        return self._meter.cost

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
            dimensions: Dimensions = (("InstanceId", instance_id),)
            if statistics[0].needs is Need.AGENT:
                agent = batch.series[instance_id]
                metric, dimensions = agent.metric, agent.dimensions  # noqa: PLW2901
            for hours in pieces:
                try:
                    points = self._points(dimensions, namespace, metric, statistics, hours)
                except AwsError as error:
                    unread = error.message
                    continue
                for entry in statistics:
                    kept, wrong = _sound(points, batch.window, entry)
                    series[entry.column].update(kept)
                    unread = unread if wrong is None else wrong
        return Reading(instance_id, tuple(series.values()), unread)

    def _points(
        self,
        dimensions: Dimensions,
        namespace: str,
        metric: str,
        statistics: Statistics,
        hours: range,
    ) -> list[Any]:
        self._meter.add(metrics_billed=1)
        try:
            answer = self._client.get_metric_statistics(
                Namespace=namespace,
                MetricName=metric,
                Dimensions=[{"Name": name, "Value": value} for name, value in dimensions],
                StartTime=utc(hours.start),
                EndTime=utc(hours.stop),
                Period=HOUR_SECONDS,
                Statistics=[entry.statistic for entry in statistics],
            )[ANSWER]
        except AWS_ERRORS as error:
            raise translate(error, _ACTION) from error
        if not (isinstance(answer, dict) and isinstance(answer.get("Datapoints"), list)):
            raise AwsError(f"{_ACTION} failed: the answer is not one of CloudWatch's.")
        points: list[Any] = answer["Datapoints"]
        return points


def _sound(points: list[Any], window: Window, entry: Statistic) -> tuple[Series, str | None]:
    """What ``points`` hold of one statistic, and what was wrong with the rest."""
    known = [point for point in points if isinstance(point, dict)]
    pairs = [(p.get("Timestamp"), p[entry.statistic]) for p in known if entry.statistic in p]
    kept, wrong = sound_part([hour for hour, _ in pairs], [v for _, v in pairs], window, entry)
    if wrong is None and len(known) < len(points):
        wrong = "CloudWatch sent something that is no datapoint"
    return kept, wrong and f"{entry.metric} {entry.statistic}: {wrong}."
