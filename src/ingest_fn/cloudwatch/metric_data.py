"""GetMetricData: up to 500 queries a call, billed by metric.

Source of the rules: the GetMetricData and MetricDataResult pages of the CloudWatch API reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from ingest_fn.aws.clients import AWS_ERRORS, error_code, translate
from ingest_fn.cloudwatch.reading import hour_of, make_reading
from ingest_fn.cloudwatch.wire import GetMetricData
from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.catalogue import Need, Statistics, metrics_of
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import HOUR_SECONDS, Batch, Cost, Fetched, Reading, Series

_ACTION = "cloudwatch:GetMetricData"
_SPLITTABLE = {
    "413",
    "InvalidParameterCombination",
    "InvalidParameterCombinationException",
    "InvalidParameterValue",
    "InvalidParameterValueException",
    "RequestEntityTooLarge",
    "RequestEntityTooLargeException",
    "ValidationError",
    "ValidationException",
}
"""One bad query, or one too many, fails the whole call: halving the batch saves the others."""


class MetricData:
    """Reads one batch in one call and as many pages as it has."""

    def __init__(self, client: Any, pace: Pace) -> None:
        self._call = GetMetricData(client)
        self._pace = pace

    def fetch(self, batch: Batch) -> Fetched:
        """A reading of every instance. Raises AccessDeniedError; all else is in ``unread``."""
        answers = _Answers(batch)
        error = self._read_pages(answers)
        if error is None:
            return answers.fetched()
        if not answers.calls and len(batch.instance_ids) > 1 and _splittable(error):
            return self._fetch_halves(batch)
        reason = translate(error, _ACTION)
        if isinstance(reason, ConfigurationError):
            raise reason from error
        answers.broke_off = reason.message
        return answers.fetched()

    def _fetch_halves(self, batch: Batch) -> Fetched:
        middle = len(batch.instance_ids) // 2
        first, second = (
            self.fetch(replace(batch, instance_ids=ids))
            for ids in (batch.instance_ids[:middle], batch.instance_ids[middle:])
        )
        readings = [*first.readings, *second.readings]
        return Fetched(readings, Cost(calls=1) + first.cost + second.cost)

    def _read_pages(self, answers: _Answers) -> Exception | None:
        """Ask until no NextToken is left; the error, where the reading broke off."""
        token = None
        while True:
            self._pace.wait(answers.batch.datapoints)
            try:
                page = self._call(_body(answers.batch, token))
                answers.add(page)
            except AWS_ERRORS as error:
                return error
            except (KeyError, TypeError, ValueError) as error:
                return ResponseParserError(f"the answer has an unexpected shape ({error!r})")
            token = page.get("NextToken")
            if not token:
                return None


class _Answers:
    """What the pages of one batch have said so far: merged by Id, since a page may split one."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.calls = 0
        self.broke_off: str | None = None
        instances, statistics = len(batch.instance_ids), len(batch.statistics)
        self._slots = _slots(instances, statistics)
        self._series: list[list[Series]] = [
            [{} for _ in range(statistics)] for _ in range(instances)
        ]
        # Instances whose hours are still to be checked: of the others, all are in the window.
        self._irregular: set[int] = set()
        self._unread = dict.fromkeys(self._slots, "CloudWatch sent no result")

    def add(self, page: Mapping[str, Any]) -> None:
        """Merge one page. The last StatusCode of an Id holds: Complete may follow PartialData."""
        self.calls += 1
        whole = list(self.batch.window.hours)
        for message in page.get("Messages", ()):
            self.broke_off = _said(message)
        for result in page["MetricDataResults"]:
            id_ = result["Id"]
            position, statistic = self._slots[id_]
            hours, values, kept = result["Timestamps"], result["Values"], self._series[position]
            if hours == whole and len(values) == len(whole):
                kept[statistic] = dict(zip(whole, values, strict=False))
            elif hours or values:
                kept[statistic].update(zip(map(hour_of, hours), values, strict=True))
                self._irregular.add(position)
            status = result.get("StatusCode", "Complete")
            if status == "Complete":
                self._unread.pop(id_, None)
            else:
                said = "; ".join(map(_said, result.get("Messages", ())))
                self._unread[id_] = f"{status} ({said})" if said else status

    def fetched(self) -> Fetched:
        """The readings as they stand."""
        batch, reasons = self.batch, dict[int, str]()
        for id_, reason in self._unread.items():
            position, statistic = self._slots[id_]
            what = batch.statistics[statistic]
            reasons.setdefault(position, f"{what.metric} {what.statistic}: {reason}.")
        if self.broke_off is not None:
            reasons = dict.fromkeys(range(len(batch.instance_ids)), self.broke_off)
        billed = len(metrics_of(batch.statistics)) * len(batch.instance_ids)
        return Fetched(
            [
                make_reading(id_, tuple(series), batch.window, reasons.get(position))
                if position in self._irregular
                else Reading(id_, tuple(series), reasons.get(position))
                for position, (id_, series) in enumerate(
                    zip(batch.instance_ids, self._series, strict=True)
                )
            ],
            Cost(max(1, self.calls), billed if self.calls else 0),
        )


def _said(message: Mapping[str, str]) -> str:
    return f"{message.get('Code', '')}: {message.get('Value', '')}".strip(": ")


def _splittable(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return error_code(error) in _SPLITTABLE or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@cache
def _slots(instances: int, statistics: int) -> dict[str, tuple[int, int]]:
    """Query Id to (position of the instance in its batch, position of the statistic)."""
    return {f"i{p}s{s}": (p, s) for p in range(instances) for s in range(statistics)}


def _body(batch: Batch, token: str | None) -> bytes:
    """The JSON of the call. A metric's statistics follow each other, so they are billed once."""
    heads = _query_heads(batch.statistics)
    agents = [k for k, entry in enumerate(batch.statistics) if entry.needs is Need.AGENT]
    queries = ",".join(
        _agent_query(p, s, batch)
        if agents and s in agents
        else f'{{"Id":"i{p}s{s}",{head}{id_}{_QUERY_TAIL}'
        for p, id_ in enumerate(batch.instance_ids)
        for s, head in enumerate(heads)
    )
    paging = f',"NextToken":{json.dumps(token)}' if token else ""
    hours = batch.window.hours
    return (
        f'{{"MetricDataQueries":[{queries}],"StartTime":{hours.start},"EndTime":{hours.stop},'
        f'"ScanBy":"TimestampAscending"{paging}}}'
    ).encode()


def _agent_query(position: int, statistic: int, batch: Batch) -> str:
    """The query for a statistic of an agent, under the name and dimensions that it published."""
    entry, series = batch.statistics[statistic], batch.series[batch.instance_ids[position]]
    metric = {
        "Namespace": entry.namespace,
        "MetricName": series.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
    }
    stat = {"Period": HOUR_SECONDS, "Stat": entry.statistic, "Metric": metric}
    return json.dumps({"Id": f"i{position}s{statistic}", "MetricStat": stat})


@cache
def _query_heads(statistics: Statistics) -> tuple[str, ...]:
    return tuple(
        f'"MetricStat":{{"Period":{HOUR_SECONDS},"Stat":"{s.statistic}","Metric":{{'
        f'"Namespace":"{s.namespace}","MetricName":"{s.metric}",'
        f'"Dimensions":[{{"Name":"InstanceId","Value":"'
        for s in statistics
    )


_QUERY_TAIL = '"}]}}}'
