"""A CloudWatch for the tests: the real wire format, the real limits, and faults on demand.

It speaks AWS JSON 1.0 over HTTP as botocore does, so everything in front of it is real. Samples
are aggregated into periods that start at StartTime, as CloudWatch does and moto does not.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

ACTION = re.compile(r"GraniteServiceVersion20100801\.(\w+)")
ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/ingest/fn is not authorized to perform: "
    "cloudwatch:{} because no identity-based policy allows the cloudwatch:{} action"
)


class Refusal(Exception):  # noqa: N818  what the service answers, not what goes wrong in the test
    """An error that the service answers with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Sample:
    """A statistic set at one moment."""

    moment: float
    count: float
    total: float
    most: float


@dataclass(frozen=True)
class Call:
    """One call that came in."""

    action: str
    instance_ids: tuple[str, ...]
    queries: int
    token: str | None


@dataclass
class CloudWatch:
    """The state of the service: its data, the faults that it has, and the calls that came in."""

    samples: dict[tuple[str, str], list[Sample]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    page_points: int = 100_800
    """Datapoints per page. A series that does not fit continues on the next page."""
    too_large_above: int = 500
    """A call with more queries is answered with HTTP 413."""
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)
    """The StatusCode of the results by (instance, metric). PartialData sends half of the values."""
    omitted: set[str] = field(default_factory=set)
    """Instances that get no result at all."""
    poisoned: set[str] = field(default_factory=set)
    """A call with one of these instances fails validation as a whole."""
    refusals: list[Refusal] = field(default_factory=list)
    """Errors for the next calls, before anything else is looked at."""
    refuse: Callable[[Call], Refusal | None] = lambda _: None
    global_message: str | None = None
    shift: int = 0
    """Seconds added to every timestamp that is sent."""
    mangle: Callable[[bytes], bytes] = bytes
    """Changes the body of every good answer, but not its Content-Length."""
    before: Callable[[], object] = lambda: None
    """Called when a call comes in: a delay, a barrier."""
    url: str = ""

    def put(
        self, instance_id: str, metric: str, moment: datetime, average: float,
        *, maximum: float | None = None, samples: int = 12,
    ) -> None:  # fmt: skip
        """Add samples that all came in at ``moment``."""
        most = average if maximum is None else maximum
        sample = Sample(moment.timestamp(), samples, average * samples, most)
        self.samples.setdefault((instance_id, metric), []).append(sample)

    def answer(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to one call. Raises Refusal."""
        call = _call(action, body)
        self.calls.append(call)
        self.before()
        if self.refusals:
            raise self.refusals.pop(0)
        if refusal := self.refuse(call):
            raise refusal
        if action == "GetMetricData":
            return self._metric_data(body, call)
        if action == "GetMetricStatistics":
            return self._metric_statistics(body, call)
        raise Refusal("InvalidAction", f"Could not find operation {action}")

    def _metric_data(self, body: dict[str, Any], call: Call) -> dict[str, Any]:
        queries, start, end = body["MetricDataQueries"], body["StartTime"], body["EndTime"]
        if len(queries) > self.too_large_above:
            raise Refusal("RequestEntityTooLarge", "Request size exceeded", 413)
        self._validate(queries, start, end, call)
        results = []
        for query in queries:
            stat = query["MetricStat"]
            instance_id = stat["Metric"]["Dimensions"][0]["Value"]
            points = self._points(instance_id, stat, start, end)
            if body.get("ScanBy", "TimestampDescending") == "TimestampDescending":
                points.reverse()
            status = self.statuses.get((instance_id, stat["Metric"]["MetricName"]), "Complete")
            if status == "PartialData":
                points = points[: len(points) // 2]
            elif status != "Complete":
                points = []
            if instance_id not in self.omitted:
                results.append((query["Id"], points, status))
        return self._page(results, int(body.get("NextToken", "0")))

    def _validate(self, queries: list[Any], start: float, end: float, call: Call) -> None:
        ids = [query["Id"] for query in queries]
        if len(ids) > 500:
            raise Refusal(
                "ValidationError",
                "The collection MetricDataQueries must not have a size greater than 500.",
            )
        if len(set(ids)) < len(ids):
            raise Refusal(
                "ValidationError",
                "The values for parameter id in MetricDataQueries are not unique.",
            )
        if not all(ID.fullmatch(id_) for id_ in ids):
            raise Refusal(
                "ValidationError", "The value for parameter id must match ^[a-z][a-zA-Z0-9_]*$."
            )
        if start >= end:
            raise Refusal(
                "ValidationError",
                "The parameter StartTime must be less than the parameter EndTime.",
            )
        periods = {query["MetricStat"]["Period"] for query in queries}
        if any(period % 60 for period in periods):
            raise Refusal("ValidationError", "Period must be a multiple of 60.")
        bad = self.poisoned.intersection(call.instance_ids)
        if bad:
            raise Refusal(
                "ValidationError", f"The value {min(bad)} for parameter Dimensions is invalid."
            )

    def _page(
        self, results: list[tuple[str, list[tuple[float, float]], str]], first: int
    ) -> dict[str, Any]:
        """The page from datapoint ``first`` on, counted over all results in order."""
        page, passed, room = [], 0, self.page_points
        for id_, points, status in results:
            skip = max(0, first - passed)
            passed += len(points)
            if first and skip >= len(points):
                continue
            sent = points[skip : skip + room]
            room -= len(sent)
            cut = skip + len(sent) < len(points)
            page.append(
                {
                    "Id": id_,
                    "Label": id_,
                    "Timestamps": [stamp + self.shift for stamp, _ in sent],
                    "Values": [value for _, value in sent],
                    "StatusCode": "PartialData" if cut else status,
                    **(
                        {"Messages": [{"Code": status, "Value": "as told"}]}
                        if status not in {"Complete", "PartialData"}
                        else {}
                    ),
                }
            )
            if cut or (room == 0 and any(p for _, p, _ in results[len(page) :])):
                break
        answer: dict[str, Any] = {"MetricDataResults": page, "Messages": []}
        if self.global_message:
            answer["Messages"] = [{"Code": "Exceeded", "Value": self.global_message}]
        following = first + self.page_points - room
        if following < sum(len(points) for _, points, _ in results):
            answer["NextToken"] = str(following)
        return answer

    def _metric_statistics(self, body: dict[str, Any], call: Call) -> dict[str, Any]:
        start, end = body["StartTime"], body["EndTime"]
        if ("Statistics" in body) == ("ExtendedStatistics" in body):
            raise Refusal(
                "InvalidParameterCombination",
                "Statistics and ExtendedStatistics exclude each other.",
            )
        if (end - start) / body["Period"] > 1440:
            raise Refusal(
                "InvalidParameterCombination",
                "You have requested more datapoints than the limit of 1,440.",
            )
        instance_id = call.instance_ids[0]
        if instance_id in self.poisoned:
            raise Refusal("InvalidParameterValue", f"The value {instance_id} is invalid.")
        points: dict[float, dict[str, Any]] = {}
        for statistic in body["Statistics"]:
            stat = {
                "Metric": {"MetricName": body["MetricName"]},
                "Period": body["Period"],
                "Stat": statistic,
            }
            for stamp, value in self._points(instance_id, stat, start, end):
                points.setdefault(stamp, {"Timestamp": stamp + self.shift, "Unit": "None"})[
                    statistic
                ] = value
        # The service promises no order.
        return {"Label": body["MetricName"], "Datapoints": list(reversed(points.values()))}

    def _points(
        self, instance_id: str, stat: dict[str, Any], start: float, end: float
    ) -> list[tuple[float, float]]:
        """Periods from StartTime on, ascending. A period without samples is left out."""
        period, buckets = stat["Period"], dict[int, list[Sample]]()
        for sample in self.samples.get((instance_id, stat["Metric"]["MetricName"]), ()):
            if start <= sample.moment < end:
                buckets.setdefault(int((sample.moment - start) // period), []).append(sample)
        aggregate = AGGREGATES[stat["Stat"]]
        return [(start + n * period, aggregate(buckets[n])) for n in sorted(buckets)]


AGGREGATES: dict[str, Callable[[list[Sample]], float]] = {
    "SampleCount": lambda samples: sum(s.count for s in samples),
    "Sum": lambda samples: sum(s.total for s in samples),
    "Average": lambda samples: sum(s.total for s in samples) / sum(s.count for s in samples),
    "Maximum": lambda samples: max(s.most for s in samples),
}


def _call(action: str, body: dict[str, Any]) -> Call:
    queries = body.get("MetricDataQueries", [])
    dimensions = [q["MetricStat"]["Metric"]["Dimensions"] for q in queries] or [body["Dimensions"]]
    ids = dict.fromkeys(given[0]["Value"] for given in dimensions)
    return Call(action, tuple(ids), len(queries), body.get("NextToken"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: ClassVar[CloudWatch]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match = ACTION.fullmatch(self.headers["X-Amz-Target"])
        assert match
        try:
            content = json.dumps(self.service.answer(match[1], body)).encode()
        except Refusal as refusal:
            error = {
                "__type": f"com.amazonaws.cloudwatch#{refusal.code}",
                "message": refusal.message,
            }
            self._send(refusal.status, json.dumps(error).encode())
        else:
            sent = self.service.mangle(content)
            self._send(200, sent, max(len(sent), len(content)))

    def _send(self, status: int, content: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = length is not None and length != len(content)

    def log_message(self, *_: object) -> None:
        """Do not log."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that hung up is part of the test."""


@contextmanager
def running_cloudwatch() -> Iterator[CloudWatch]:
    """The service on a free port of 127.0.0.1."""
    service = CloudWatch()
    handler = type("Handler", (_Handler,), {"service": service})
    with _Server(("127.0.0.1", 0), handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
