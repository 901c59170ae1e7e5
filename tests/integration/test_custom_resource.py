"""CloudFormation's side of the migration: always an answer, and the real reason in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import pytest

from ingest_fn.deploy.custom_resource import lambda_handler
from tests.lambda_context import Context

MIGRATED = {"before": None, "after": "0002", "runtime_user": "ingest_runtime"}


@dataclass
class Aws:
    """Lambda's Invoke, which moto only echoes, and the presigned address that is answered to."""

    url: str = ""
    result: bytes = json.dumps(MIGRATED).encode()
    function_error: str | None = None
    status: int = 200
    accepts: int = 200
    """The status that an answer is met with."""
    silent: threading.Event | None = None
    """Invoke says nothing until it is set."""
    invoked: list[str] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    answered_bytes: int = 0


class _Handler(BaseHTTPRequestHandler):
    aws: Aws

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.aws.invoked.append(self.path)
        if self.aws.silent is not None:
            self.aws.silent.wait(30)
        self.send_response(self.aws.status)
        if self.aws.function_error is not None:
            self.send_header("X-Amz-Function-Error", self.aws.function_error)
        self._finish(self.aws.result)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # The address is signed for an empty Content-Type; S3 refuses any other.
        assert self.headers["Content-Type"] == ""
        self.aws.answers.append(json.loads(body))
        self.aws.answered_bytes = len(body)
        self.send_response(self.aws.accepts)
        self._finish(b"")

    def _finish(self, content: bytes) -> None:
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hung up is part of the test."""


@contextmanager
def running(aws: Aws) -> Iterator[Aws]:
    handler = type("Handler", (_Handler,), {"aws": aws})
    with _Server(("127.0.0.1", 0), handler) as server:
        aws.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield aws
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with running(Aws()) as aws:
        for name, value in {
            "AWS_ENDPOINT_URL_LAMBDA": aws.url,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "MIGRATE_FUNCTION_NAME": "stack-migrate",
        }.items():
            monkeypatch.setenv(name, value)
        yield aws


def event_of(service: Aws, kind: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": f"{service.url}/bucket/key?signature",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/ingest/1",
        "RequestId": "c3a1f2d4",
        "LogicalResourceId": "Schema",
    }


def answer_to(service: Aws, kind: str, seconds: int = 60) -> dict[str, Any]:
    """The one answer, which names the request that it is for."""
    event = event_of(service, kind)
    lambda_handler(event, Context(seconds))
    (answer,) = service.answers
    for key in ("StackId", "RequestId", "LogicalResourceId"):
        assert answer[key] == event[key]
    return answer


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_create_and_update_migrate(service: Aws, kind: str) -> None:
    answer = answer_to(service, kind)
    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"] == "Schema at revision 0002"
    assert answer["Data"] == MIGRATED
    assert service.invoked == ["/2015-03-31/functions/stack-migrate/invocations"]


def test_delete_leaves_the_data_alone(service: Aws) -> None:
    service.status = 500
    answer = answer_to(service, "Delete")
    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"] == "The schema and its data stay."
    assert service.invoked == []


def test_the_resource_keeps_its_identity(service: Aws) -> None:
    """Another physical id on Update would make CloudFormation delete the old resource."""
    first = answer_to(service, "Create")["PhysicalResourceId"]
    service.answers.clear()
    assert answer_to(service, "Update")["PhysicalResourceId"] == first


def test_a_failed_migration_fails_the_deployment_with_its_own_words(service: Aws) -> None:
    service.function_error = "Unhandled"
    service.result = json.dumps(
        {"errorMessage": "Cannot connect to Postgres at db:5432: timeout.", "errorType": "X"}
    ).encode()
    answer = answer_to(service, "Create")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        "The migration failed: Cannot connect to Postgres at db:5432: timeout."
    )


@pytest.mark.parametrize("character", ["x", "ü", "\U0001f600", "\0", '"', "\ud800"])
def test_an_endless_message_is_cut(service: Aws, character: str) -> None:
    """CloudFormation takes 4,096 bytes, of which some characters take six."""
    service.function_error = "Unhandled"
    service.result = json.dumps({"errorMessage": character * 100_000}).encode()
    assert answer_to(service, "Create")["Reason"].startswith("The migration failed: ")
    assert service.answered_bytes < 4096


@pytest.mark.parametrize("status", [403, 500])
def test_a_function_that_cannot_be_invoked_fails_it_too(service: Aws, status: int) -> None:
    """Invoked once: after a time-out, a second migration would run beside the first."""
    service.status = status
    service.result = json.dumps({"Message": "no InvokeFunction today"}).encode()
    answer = answer_to(service, "Update")
    assert answer["Status"] == "FAILED"
    assert "no InvokeFunction today" in answer["Reason"]
    assert len(service.invoked) == 1


def test_a_refused_signature_s_quote_of_the_request_stays_out_of_the_reason(service: Aws) -> None:
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "The Canonical String for this request should have been 'x-amz-security-token:marker'"
    )
    service.status = 403
    service.result = json.dumps(
        {"__type": "InvalidSignatureException", "message": message}
    ).encode()
    reason = answer_to(service, "Create")["Reason"]
    assert "AWS refused the credentials (InvalidSignatureException)" in reason
    assert "marker" not in reason


def test_without_the_function_s_name_the_deployment_hears_of_it(
    service: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIGRATE_FUNCTION_NAME")
    answer = answer_to(service, "Create")
    assert answer["Status"] == "FAILED"
    assert "MIGRATE_FUNCTION_NAME" in answer["Reason"]


@pytest.mark.parametrize("seconds", [16, 5])
def test_a_migration_that_never_ends_is_given_up_in_time(service: Aws, seconds: int) -> None:
    """Enough of the function's own time is left for the answer, however little it has."""
    service.silent = threading.Event()
    started = monotonic()
    try:
        answer = answer_to(service, "Create", seconds)
    finally:
        service.silent.set()
    assert answer["Status"] == "FAILED"
    assert "Read timeout" in answer["Reason"]
    assert len(service.invoked) == 1
    assert monotonic() - started < 5


@pytest.mark.parametrize("kind", ["Create", "Delete"])
def test_an_answer_that_is_lost_is_raised_for_lambda_to_try_again(service: Aws, kind: str) -> None:
    """It must not be followed by the opposite answer: the migration did succeed."""
    service.accepts = 503
    with pytest.raises(OSError, match="503"):
        lambda_handler(event_of(service, kind), Context())
    assert [answer["Status"] for answer in service.answers] == ["SUCCESS"]
