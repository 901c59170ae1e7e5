"""GetMetricData: up to 500 queries a call, billed by metric.

Source of the rules: the GetMetricData and MetricDataResult pages of the CloudWatch API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from ingest_fn.aws.clients import AWS_ERRORS, error_code, translate
from ingest_fn.cloudwatch.queries import body_of
from ingest_fn.cloudwatch.reading import CERTAINLY_SMALL, Meter, all_whole, listed, sound_part
from ingest_fn.cloudwatch.wire import ANSWER, PLAIN, GetMetricData
from ingest_fn.errors import ConfigurationError, printable
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import Batch, Cost, Fetched, Reading, Series
from ingest_fn.pipeline.statistic import metrics_of

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


MAX_PAGES = 300
"""Pages of one call after which it is given up: one page holds all that is asked for."""


class MetricData:
    """Reads one batch in one call and as many pages as it has."""

    def __init__(self, client: Any, pace: Pace) -> None:
        self._call = GetMetricData(client)
        self._pace = pace
        self._meter = Meter()
        client.meta.events.register("before-send.cloudwatch", self._meter.attempted)

    @property
    def spent(self) -> Cost:
        """All that was asked so far, also for batches that were given up."""
        return self._meter.cost

    def fetch(self, batch: Batch) -> Fetched:
        """A reading of every instance. Raises AccessDeniedError; all else is in ``unread``."""
        answers = _Answers(batch)
        error = self._read_pages(answers)
        if error is not None:
            if not answers.pages and len(batch.instance_ids) > 1 and _splittable(error):
                return self._fetch_halves(batch)
            reason = translate(error, _ACTION)
            if isinstance(reason, ConfigurationError):
                raise reason from error
            answers.broke_off = reason.message
        billed = len(metrics_of(batch.statistics)) * len(batch.instance_ids)
        return Fetched(
            answers.readings(), Cost(max(1, answers.pages), billed if answers.pages else 0)
        )

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
        batch, token, tokens = answers.batch, None, set[str]()
        billed = len(metrics_of(batch.statistics)) * len(batch.instance_ids)
        self._meter.add(metrics_billed=billed)
        for _ in range(MAX_PAGES):
            self._pace.wait(batch.datapoints)
            try:
                page = self._call(body_of(batch, token))
                token = answers.add(page[ANSWER], plain=page[PLAIN])
            except AWS_ERRORS as error:
                if isinstance(error, ClientError) and not answers.pages:
                    self._meter.add(metrics_billed=-billed)
                return error
            if token is None:
                return None
            if token in tokens:
                return ResponseParserError("the same NextToken came again")
            tokens.add(token)
        return ResponseParserError(f"there was no end after {MAX_PAGES} pages")


class _Answers:
    """What the pages of one batch have said so far: merged by Id, since a page may split one."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.pages = 0
        self.broke_off: str | None = None
        instances, statistics = len(batch.instance_ids), len(batch.statistics)
        self._slots = _slots(instances, statistics)
        self._series: list[list[Series]] = [
            [{} for _ in range(statistics)] for _ in range(instances)
        ]
        self._unread = dict.fromkeys(self._slots, "CloudWatch sent no result")
        self._wrong: dict[str, str] = {}

    def add(self, page: Any, *, plain: bool) -> str | None:  # noqa: C901  every series comes by here
        """Merge one page; its NextToken. The last StatusCode of an Id holds.

        Complete may follow PartialData. Raises ResponseParserError for no page at all.
        """
        if not (isinstance(page, dict) and isinstance(page.get("MetricDataResults"), list)):
            raise ResponseParserError("the answer is not one of CloudWatch's")
        self.pages += 1
        for message in listed(page.get("Messages")):
            self.broke_off = _said(message)
        window, statistics = self.batch.window, self.batch.statistics
        whole = list(window.hours)
        count = len(whole)
        for result in page["MetricDataResults"]:
            try:
                id_ = result["Id"]
                position, statistic = self._slots[id_]
            except (KeyError, TypeError):
                continue  # the Id that it should have had stays unread
            hours, values = result.get("Timestamps"), result.get("Values")
            try:
                # sum meets every value, and raises for what is no number.
                sound = (
                    plain
                    and hours == whole
                    and len(values) == count
                    and sum(values) < CERTAINLY_SMALL
                    and (statistics[statistic].sql_type != "integer" or all_whole(values))
                )
            except TypeError:
                sound = False
            if sound:
                self._series[position][statistic] = dict(zip(whole, values, strict=False))
            elif hours != [] or values != []:
                kept, wrong = sound_part(hours, values, window, statistics[statistic])
                self._series[position][statistic].update(kept)
                if wrong is not None:
                    self._wrong[id_] = wrong
            status = result.get("StatusCode", "Complete")
            if status == "Complete":
                self._unread.pop(id_, None)
            else:
                self._unread[id_] = _status(status, result)
        token = page.get("NextToken")
        if token is not None and not isinstance(token, str):
            raise ResponseParserError("its NextToken is no text")
        return token or None

    def readings(self) -> list[Reading]:
        """The readings as they stand."""
        batch, reasons = self.batch, dict[int, str]()
        for id_, reason in (*self._wrong.items(), *self._unread.items()):
            position, statistic = self._slots[id_]
            what = batch.statistics[statistic]
            said = f"{what.metric} {what.statistic}: {printable(reason)}."
            reasons.setdefault(position, said)
        if self.broke_off is not None:
            reasons = dict.fromkeys(range(len(batch.instance_ids)), printable(self.broke_off))
        return [
            Reading(id_, tuple(series), reasons.get(position))
            for position, (id_, series) in enumerate(
                zip(batch.instance_ids, self._series, strict=True)
            )
        ]


def _status(status: Any, result: Mapping[str, Any]) -> str:
    said = "; ".join(map(_said, listed(result.get("Messages"))))
    return f"{status} ({said})" if said else str(status)


def _said(message: Any) -> str:
    if not isinstance(message, dict):
        return printable(repr(message))
    return printable(f"{message.get('Code', '')}: {message.get('Value', '')}".strip(": "))


def _splittable(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return error_code(error) in _SPLITTABLE or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@cache
def _slots(instances: int, statistics: int) -> dict[str, tuple[int, int]]:
    """Query Id to (position of the instance in its batch, position of the statistic)."""
    return {f"i{p}s{s}": (p, s) for p in range(instances) for s in range(statistics)}
