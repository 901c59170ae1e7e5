"""CloudFormation's side of the migration: always an answer, and the real reason in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ingest_fn.deploy.custom_resource import lambda_handler

MIGRATED = {"before": None, "after": "0002", "runtime_user": "ingest_runtime"}


@dataclass
class Aws:
    """Lambda's Invoke, which moto only echoes, and the presigned address that is answered to."""

    url: str = ""
    said: bytes = b""
    """What Invoke answers; it has no body where it takes an event."""
    status: int = 202
    accepts: int = 200
    """The status that an answer is met with."""
    invoked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Path, type of invocation, payload."""
    answers: list[dict[str, Any]] = field(default_factory=list)
    answered_bytes: int = 0


class _Handler(BaseHTTPRequestHandler):
    aws: Aws

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        how = self.headers["X-Amz-Invocation-Type"]
        self.aws.invoked.append((self.path, how, json.loads(body)))
        self.send_response(self.aws.status)
        self._finish(self.aws.said)

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


def record_of(
    service: Aws, kind: str = "Create", condition: str = "Success", **response: Any
) -> dict[str, Any]:
    """What Lambda hands its destination (developer guide, records of asynchronous invocations)."""
    return {
        "version": "1.0",
        "timestamp": "2026-11-23T10:15:00.000Z",
        "requestContext": {
            "requestId": "e4b46cbf",
            "functionArn": "arn:aws:lambda:eu-central-1:1:function:stack-migrate:$LATEST",
            "condition": condition,
            "approximateInvokeCount": 1,
        },
        "requestPayload": event_of(service, kind),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        **response,
    }


def failed(service: Aws, said: Any) -> dict[str, Any]:
    return record_of(service, condition="RetriesExhausted", responsePayload=said)


def answer_to(service: Aws, event: dict[str, Any]) -> dict[str, Any]:
    """The one answer, which names the request that it is for."""
    lambda_handler(event, None)
    (answer,) = service.answers
    request = event.get("requestPayload", event)
    for key in ("StackId", "RequestId", "LogicalResourceId"):
        assert answer[key] == request[key]
    return answer


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_create_and_update_start_the_migration_and_wait_for_nothing(
    service: Aws, kind: str
) -> None:
    """However long it takes: no connection is held, and no answer is given before its end."""
    event = event_of(service, kind)
    lambda_handler(event, None)
    path = "/2015-03-31/functions/stack-migrate/invocations"
    assert service.invoked == [(path, "Event", event)]
    assert service.answers == []


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_the_end_of_the_migration_is_the_answer(service: Aws, kind: str) -> None:
    answer = answer_to(service, record_of(service, kind, responsePayload=MIGRATED))
    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"] == "Schema at revision 0002"
    assert answer["Data"] == MIGRATED
    assert service.invoked == []


def test_delete_leaves_the_data_alone(service: Aws) -> None:
    service.status = 500
    answer = answer_to(service, event_of(service, "Delete"))
    assert answer["Status"] == "SUCCESS"
    assert answer["Reason"] == "The schema and its data stay."
    assert service.invoked == []


def test_the_resource_keeps_its_identity(service: Aws) -> None:
    """Another physical id on Update would make CloudFormation delete the old resource."""
    made = record_of(service, "Create", responsePayload=MIGRATED)
    first = answer_to(service, made)["PhysicalResourceId"]
    service.answers.clear()
    again = record_of(service, "Update", responsePayload=MIGRATED)
    assert answer_to(service, again)["PhysicalResourceId"] == first
    service.answers.clear()
    assert answer_to(service, event_of(service, "Delete"))["PhysicalResourceId"] == first


def test_a_failed_migration_fails_the_deployment_with_its_own_words(service: Aws) -> None:
    said = {"errorMessage": "Cannot connect to Postgres at db:5432: timeout.", "errorType": "X"}
    answer = answer_to(service, failed(service, said))
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        "The migration failed: Cannot connect to Postgres at db:5432: timeout."
    )


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"responsePayload": {"errorMessage": "Task timed out after 900.00 seconds"}}, "timed out"),
        ({"condition": "EventAgeExceeded"}, "EventAgeExceeded"),
        ({"responsePayload": None}, "RetriesExhausted"),
        ({"responsePayload": {"before": None}}, "before"),
    ],
)
def test_a_migration_that_lambda_ended_or_never_began_fails_it_too(
    service: Aws, record: dict[str, Any], reason: str
) -> None:
    event = record_of(service, **{"condition": "RetriesExhausted", **record})
    answer = answer_to(service, event)
    assert answer["Status"] == "FAILED"
    assert reason in answer["Reason"]


@pytest.mark.parametrize("character", ["x", "ü", "\U0001f600", "\0", '"', "\ud800"])
def test_an_endless_message_is_cut(service: Aws, character: str) -> None:
    """CloudFormation takes 4,096 bytes, of which some characters take six."""
    record = failed(service, {"errorMessage": character * 100_000})
    assert answer_to(service, record)["Reason"].startswith("The migration failed: ")
    assert service.answered_bytes < 4096


@pytest.mark.parametrize("status", [403, 500])
def test_a_function_that_cannot_be_invoked_fails_it_at_once(service: Aws, status: int) -> None:
    service.status = status
    service.said = json.dumps({"Message": "no InvokeFunction today"}).encode()
    answer = answer_to(service, event_of(service, "Update"))
    assert answer["Status"] == "FAILED"
    assert "no InvokeFunction today" in answer["Reason"]


def test_a_refused_signature_s_quote_of_the_request_stays_out_of_the_reason(service: Aws) -> None:
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "The Canonical String for this request should have been 'x-amz-security-token:marker'"
    )
    service.status = 403
    service.said = json.dumps({"__type": "InvalidSignatureException", "message": message}).encode()
    reason = answer_to(service, event_of(service, "Create"))["Reason"]
    assert "AWS refused the credentials (InvalidSignatureException)" in reason
    assert "marker" not in reason


def test_without_the_function_s_name_the_deployment_hears_of_it(
    service: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIGRATE_FUNCTION_NAME")
    answer = answer_to(service, event_of(service, "Create"))
    assert answer["Status"] == "FAILED"
    assert "MIGRATE_FUNCTION_NAME" in answer["Reason"]


def test_a_migration_that_somebody_started_by_hand_is_nobody_s_deployment(service: Aws) -> None:
    lambda_handler(record_of(service) | {"requestPayload": {}}, None)
    assert service.answers == []


def test_an_answer_that_is_lost_is_raised_for_lambda_to_try_again(service: Aws) -> None:
    """It must not be followed by the opposite answer: the migration did succeed."""
    service.accepts = 503
    for event in (record_of(service, responsePayload=MIGRATED), event_of(service, "Delete")):
        service.answers.clear()
        with pytest.raises(OSError, match="503"):
            lambda_handler(event, None)
        assert [answer["Status"] for answer in service.answers] == ["SUCCESS"]
