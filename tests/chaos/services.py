"""CloudWatch and Parameter Store over HTTP, with a bad day.

The good answers of CloudWatch are those of ``tests.cloudwatch``; what is here is what goes wrong
with them on the way: at the socket, in the status, in the body, in one value.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, ClassVar

from tests.chaos.values import RAW, VALUE_KINDS, spoil_data, spoil_statistics
from tests.cloudwatch import DENIED, CloudWatch, Refusal

READS = ("GetMetricData", "GetMetricStatistics")
HTML = b"<html><head><title>Sign in</title></head><body>Welcome to the hotel</body></html>"

SOCKET_KINDS = ("hang", "drip", "slow", "reset", "close", "truncated")
STATUS_KINDS = (
    "500", "503", "throttled", "html-200", "html-502", "empty-200", "not-json", "expired",
    "denied", "signature", "clock", "bad-request",
)  # fmt: skip
PAGE_KINDS = ("same-token", "new-tokens", "object-token", "repeated-page", "reversed", "large")
PARAMETER_KINDS = (
    "no-type", "no-value", "null-value", "number-value", "no-parameter", "null-parameter",
    "answer-list", "secure", "holds-url", "garbage", "nul", "huge-id", "nested",
)  # fmt: skip
PATH_KINDS = ("same-token", "new-tokens", "empty-pages")

ERRORS = {
    "500": (500, "InternalFailure", "The request processing has failed."),
    "503": (503, "ServiceUnavailable", "Try again later."),
    "throttled": (400, "ThrottlingException", "Rate exceeded"),
    "expired": (403, "ExpiredTokenException", "The security token is expired"),
    "denied": (403, "AccessDenied", DENIED.format("GetMetricData", "GetMetricData")),
    "signature": (403, "SignatureDoesNotMatch", "It does not match."),
    "clock": (403, "InvalidSignatureException", "Signature expired: 20150101T000000Z is earlier"),
    "bad-request": (400, "InvalidParameterValueException", "The value of a parameter is wrong."),
}


@dataclass
class Trouble:
    """One thing that goes wrong with some answers of one service."""

    service: str
    kind: str
    nth: int = 1
    times: int = 1
    call: Callable[[], object] | None = None
    """Done as the request comes in; the answer is then a good one."""
    seen: int = 0
    fired: int = 0


@dataclass
class Services:
    """Both services' state, and what happened."""

    cloudwatch: CloudWatch = field(default_factory=CloudWatch)
    parameters: dict[str, tuple[str, str]] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    rng: Random = field(default_factory=lambda: Random(0))
    quiet: threading.Event = field(default_factory=threading.Event)
    """Set as the trouble is over: whoever hangs lets go."""
    requests: int = 0
    """Requests to CloudWatch that came in."""
    spoil: Callable[[Any], Any] | None = None
    """Done to every good answer of CloudWatch."""
    parameter_answer: Any = None
    """In place of what GetParameter would answer."""
    marker: str = ""
    """A secret that a parameter may hold by mistake."""
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, troubles: list[Trouble], rng: Random) -> None:
        with self.lock:
            self.troubles, self.rng, self.requests = list(troubles), rng, 0
            self.cloudwatch.calls.clear()
            self.quiet = threading.Event()

    def clear(self) -> None:
        with self.lock:
            self.troubles = []
            self.quiet.set()

    def trouble(self, service: str) -> Trouble | None:
        with self.lock:
            for trouble in self.troubles:
                if trouble.service == service:
                    trouble.seen += 1
                    if trouble.nth <= trouble.seen < trouble.nth + trouble.times:
                        trouble.fired += 1
                        return trouble
        return None


def dumped(answer: Any) -> bytes:
    """As JSON, with what JSON cannot say put in raw."""
    text = json.dumps(answer)
    return re.sub(rf'"{RAW}([^"]*)"', r"\1", text).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    services: ClassVar[Services]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        prefix, _, action = self.headers.get("X-Amz-Target", "").rpartition(".")
        if prefix.startswith("GraniteService"):
            service = "cloudwatch"
        else:
            service = "ssm" if prefix == "AmazonSSM" else "other"
        given = json.loads(body) if body.startswith(b"{") else {}
        services = self.services
        if action in READS:
            with services.lock:
                services.requests += 1
        trouble = services.trouble(service) if service == "ssm" or action in READS else None
        if trouble is not None and trouble.call is not None:
            trouble.call()
            trouble = None
        kind = trouble.kind if trouble else ""
        if self._at_the_socket(kind, services):
            return
        if kind in STATUS_KINDS:
            self._status(kind)
            return
        try:
            answer = self._answer(service, action, given, kind)
        except Refusal as refusal:
            self._error(refusal.status, refusal.code, refusal.message)
            return
        self._send(200, dumped(answer), kind)

    def _at_the_socket(self, kind: str, services: Services) -> bool:
        if kind == "slow":
            services.quiet.wait(0.4)
        if kind == "hang":
            services.quiet.wait(60)
        if kind == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if kind in {"hang", "reset", "close"}:
            self.close_connection = True
            with suppress(OSError):
                self.connection.close()
            return True
        return False

    def _status(self, kind: str) -> None:
        match kind:
            case "html-200":
                self._send(200, HTML, media="text/html")
            case "html-502":
                self._send(502, HTML, media="text/html")
            case "empty-200":
                self._send(200, b"")
            case "not-json":
                self._send(200, b'{"MetricDataResults": [{"Id"')
            case _:
                self._error(*ERRORS[kind])

    def _answer(self, service: str, action: str, given: dict[str, Any], kind: str) -> Any:
        services = self.services
        if service == "ssm":
            return _parameter_store(services, action, given, kind)
        if service != "cloudwatch":
            raise Refusal("UnknownOperationException", "No such service here", 404)
        with services.lock:
            rng = Random(services.rng.random())
        answer = services.cloudwatch.answer(action, _with_page_of(given))
        if services.spoil is not None:
            return services.spoil(answer)
        if action == "GetMetricData":
            return _metric_data(answer, given, kind, rng)
        if kind in VALUE_KINDS:
            return spoil_statistics(answer, kind, rng)
        if kind == "large":
            answer["Label"] = "x" * 25_000_000
        return answer

    def _error(self, status: int, code: str, message: str) -> None:
        content = {"__type": f"com.amazonaws.{code}", "message": message}
        self._send(status, json.dumps(content).encode())

    def _send(
        self, status: int, content: bytes, kind: str = "", media: str = "application/x-amz-json-1.0"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if kind == "truncated":
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        if kind == "drip":
            self._drip(content)
            return
        self.wfile.write(content)

    def _drip(self, content: bytes) -> None:
        """One byte a second: no single wait is long, and the whole has no end."""
        quiet = self.services.quiet
        for k in range(len(content)):
            self.wfile.write(content[k : k + 1])
            self.wfile.flush()
            if quiet.wait(1.0):
                self.wfile.write(content[k + 1 :])
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _with_page_of(given: dict[str, Any]) -> dict[str, Any]:
    """Tokens that were made up here mean the first page."""
    token = given.get("NextToken")
    return given if not isinstance(token, str) or token.isdigit() else given | {"NextToken": "0"}


def _metric_data(answer: dict[str, Any], given: dict[str, Any], kind: str, rng: Random) -> Any:
    queries = {query["Id"]: query["MetricStat"] for query in given["MetricDataQueries"]}

    def owner(result: dict[str, Any]) -> str:
        found: str = queries[result["Id"]]["Metric"]["Dimensions"][0]["Value"]
        return found

    for result in answer["MetricDataResults"]:
        result["Label"] = f"{owner(result)} {queries[result['Id']]['Stat']}"
    match kind:
        case "same-token":
            return answer | {"NextToken": "again"}
        case "new-tokens":
            return answer | {"NextToken": f"t{rng.random()}"}
        case "object-token":
            return answer | {"NextToken": {"a": 1}}
        case "repeated-page":
            return answer | {"MetricDataResults": answer["MetricDataResults"] * 2}
        case "reversed":
            for result in answer["MetricDataResults"]:
                result["Values"].reverse()
                result["Timestamps"].reverse()
        case "large":
            answer["MetricDataResults"][0]["Label"] = "x" * 25_000_000
    return spoil_data(answer, kind, owner, rng) if kind in VALUE_KINDS else answer


def _parameter_store(services: Services, action: str, given: dict[str, Any], kind: str) -> Any:
    if services.parameter_answer is not None:
        return services.parameter_answer
    if kind == "answer-list":
        return []
    if action == "GetParameter":
        if given["Name"] not in services.parameters:
            raise Refusal("ParameterNotFound", f"{given['Name']} not found.")
        parameter = _spoiled(_parameter(services, given["Name"]), kind, services.marker)
        if kind == "no-parameter":
            return {}
        return {"Parameter": parameter}
    if action != "GetParametersByPath":
        raise Refusal("InvalidAction", f"Could not find operation {action}")
    path = given["Path"].rstrip("/") + "/"
    names = sorted(name for name in services.parameters if name.startswith(path))
    first = int(given.get("NextToken") or 0)
    page: list[Any] = [_parameter(services, name) for name in names[first : first + 10]]
    page = [_spoiled(parameter, kind, services.marker) for parameter in page]
    match kind:
        case "same-token":
            return {"Parameters": page, "NextToken": "0"}
        case "new-tokens":
            return {"Parameters": [], "NextToken": str(first + 10_000)}
        case "empty-pages" if first < 3:
            return {"Parameters": [], "NextToken": str(first + 1)}
        case "empty-pages":
            return {"Parameters": [_parameter(services, name) for name in names]}
        case "no-parameter":
            return {}
    answer: dict[str, Any] = {"Parameters": page}
    if first + 10 < len(names):
        answer["NextToken"] = str(first + 10)
    return answer


def _parameter(services: Services, name: str) -> dict[str, Any]:
    type_, value = services.parameters[name]
    return {"Name": name, "Type": type_, "Value": value, "Version": 1}


def _spoiled(parameter: dict[str, Any], kind: str, marker: str) -> Any:
    match kind:
        case "no-type" | "no-value":
            del parameter[kind.removeprefix("no-").capitalize()]
        case "null-value":
            parameter["Value"] = None
        case "number-value":
            parameter["Value"] = 5
        case "null-parameter":
            return None
        case "secure":
            parameter |= {"Type": "SecureString", "Value": marker}
        case "holds-url":
            parameter["Value"] = f"postgresql://ingest:{marker}@db.example:5432/metrics"
        case "garbage":
            parameter["Value"] = "i-0123456789abcdeg0 \x1b[31m \u202e"
        case "nul":
            parameter["Value"] = "i-\0"
        case "huge-id":
            parameter["Value"] = "i-" + "0" * 2_000_000
        case "nested":
            parameter["Value"] = "[" * 50_000
    return parameter


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hung up is part of the test."""


@contextmanager
def running_services() -> Iterator[Services]:
    """Both services on one free port of 127.0.0.1."""
    services = Services()
    handler = type("Handler", (_Handler,), {"services": services})
    with _Server(("127.0.0.1", 0), handler) as server:
        services.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield services
        finally:
            services.clear()
            server.shutdown()
            thread.join()


def slept(seconds: float) -> Callable[[], None]:
    """A call that takes a while."""
    return lambda: time.sleep(seconds)
