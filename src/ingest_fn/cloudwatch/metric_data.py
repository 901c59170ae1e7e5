"""GetMetricData: up to 500 queries a call, billed by metric.

Source of the rules: the GetMetricData and MetricDataResult pages of the CloudWatch API reference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from ingest_fn.aws.clients import AWS_ERRORS, error_code, translate
from ingest_fn.cloudwatch.reading import hour_of, make_reading
from ingest_fn.cloudwatch.wire import GetMetricData
from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import (
    HOUR_SECONDS,
    METRICS,
    STATISTICS,
    Fetched,
    Reading,
    Series,
    Window,
)

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

    def fetch(self, instance_ids: Sequence[str], window: Window) -> Fetched:
        """A reading of every instance. Raises AccessDeniedError; all else is in ``unread``."""
        answers = _Answers(instance_ids, window)
        error = self._read_pages(answers)
        if error is None:
            return answers.fetched()
        if not answers.calls and len(instance_ids) > 1 and _splittable(error):
            middle = len(instance_ids) // 2
            halves = [
                self.fetch(ids, window) for ids in (instance_ids[:middle], instance_ids[middle:])
            ]
            return Fetched(
                [reading for half in halves for reading in half.readings],
                1 + sum(half.calls for half in halves),
                sum(half.metrics_billed for half in halves),
            )
        reason = translate(error, _ACTION)
        if isinstance(reason, ConfigurationError):
            raise reason from error
        answers.broke_off = reason.message
        return answers.fetched()

    def _read_pages(self, answers: _Answers) -> Exception | None:
        """Ask until no NextToken is left; the error, where the reading broke off."""
        token = None
        points = len(answers.instance_ids) * len(STATISTICS) * answers.window.hour_count
        while True:
            self._pace.wait(points)
            try:
                page = self._call(_body(answers.instance_ids, answers.window, token))
                answers.add(page)
            except AWS_ERRORS as error:
                return error
            except (KeyError, TypeError, ValueError) as error:
                return ResponseParserError(f"the answer has an unexpected shape ({error!r})")
            token = page.get("NextToken")
            if not token:
                return None


class _Answers:
    """What one batch's pages have said so far: merged by Id, since a page may split one."""

    def __init__(self, instance_ids: Sequence[str], window: Window) -> None:
        self.instance_ids = instance_ids
        self.window = window
        self.calls = 0
        self.broke_off: str | None = None
        self._series: list[list[Series]] = [[{} for _ in STATISTICS] for _ in instance_ids]
        # Instances whose hours are still to be checked: of the others, all are in the window.
        self._irregular: set[int] = set()
        self._unread = dict.fromkeys(_slots(len(instance_ids)), "CloudWatch sent no result")

    def add(self, page: dict[str, Any]) -> None:
        """Merge one page. The last StatusCode of an Id holds: Complete may follow PartialData."""
        self.calls += 1
        slots, whole = _slots(len(self.instance_ids)), list(self.window.hours)
        for message in page.get("Messages", ()):
            self.broke_off = _said(message)
        for result in page["MetricDataResults"]:
            id_ = result["Id"]
            position, statistic = slots[id_]
            stamps, values, kept = result["Timestamps"], result["Values"], self._series[position]
            if stamps == whole and len(values) == len(whole):
                kept[statistic] = dict(zip(whole, values, strict=False))
            elif stamps or values:
                kept[statistic].update(zip(map(hour_of, stamps), values, strict=True))
                self._irregular.add(position)
            status = result.get("StatusCode", "Complete")
            if status == "Complete":
                self._unread.pop(id_, None)
            else:
                said = "; ".join(map(_said, result.get("Messages", ())))
                self._unread[id_] = f"{status} ({said})" if said else status

    def fetched(self) -> Fetched:
        """The readings as they stand."""
        slots = _slots(len(self.instance_ids))
        reasons: dict[int, str] = {}
        for id_, reason in self._unread.items():
            position, statistic = slots[id_]
            what = STATISTICS[statistic]
            reasons.setdefault(position, f"{what.metric} {what.statistic}: {reason}.")
        if self.broke_off is not None:
            reasons = dict.fromkeys(range(len(self.instance_ids)), self.broke_off)
        return Fetched(
            [
                make_reading(id_, tuple(series), self.window, reasons.get(position))
                if position in self._irregular
                else Reading(id_, tuple(series), reasons.get(position))
                for position, (id_, series) in enumerate(
                    zip(self.instance_ids, self._series, strict=True)
                )
            ],
            calls=max(1, self.calls),
            metrics_billed=len(METRICS) * len(self.instance_ids) if self.calls else 0,
        )


def _said(message: dict[str, str]) -> str:
    return f"{message.get('Code', '')}: {message.get('Value', '')}".strip(": ")


def _splittable(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return error_code(error) in _SPLITTABLE or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@cache
def _slots(count: int) -> dict[str, tuple[int, int]]:
    """Query Id to (position of the instance in its batch, position in STATISTICS)."""
    return {f"i{p}s{s}": (p, s) for p in range(count) for s in range(len(STATISTICS))}


def _body(instance_ids: Sequence[str], window: Window, token: str | None) -> bytes:
    """The call's JSON. A metric's statistics stand side by side and so are billed once."""
    queries = ",".join(
        f'{{"Id":"i{p}s{s}",{head}{id_}{_QUERY_TAIL}'
        for p, id_ in enumerate(instance_ids)
        for s, head in enumerate(_QUERY_HEADS)
    )
    paging = f',"NextToken":{json.dumps(token)}' if token else ""
    stamps = window.hours
    return (
        f'{{"MetricDataQueries":[{queries}],"StartTime":{stamps.start},"EndTime":{stamps.stop},'
        f'"ScanBy":"TimestampAscending"{paging}}}'
    ).encode()


_QUERY_HEADS = tuple(
    f'"MetricStat":{{"Period":{HOUR_SECONDS},"Stat":"{s.statistic}","Metric":{{'
    f'"Namespace":"{s.namespace}","MetricName":"{s.metric}",'
    f'"Dimensions":[{{"Name":"InstanceId","Value":"'
    for s in STATISTICS
)
_QUERY_TAIL = '"}]}}}'
