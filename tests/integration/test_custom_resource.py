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
    result: bytes = json.dumps(MIGRATED).encode()
    function_error: str | None = None
    status: int = 200
    invoked: list[str] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    aws: Aws

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.aws.invoked.append(self.path)
        self.send_response(self.aws.status)
        if self.aws.function_error is not None:
            self.send_header("X-Amz-Function-Error", self.aws.function_error)
        self._finish(self.aws.result)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # The address is signed for an empty Content-Type; S3 refuses any other.
        assert self.headers["Content-Type"] == ""
        self.aws.answers.append(json.loads(body))
        self.send_response(200)
        self._finish(b"")

    def _finish(self, content: bytes) -> None:
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(aws: Aws) -> Iterator[Aws]:
    handler = type("Handler", (_Handler,), {"aws": aws})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        aws.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield aws
        finally:
            server.shutdown()
            thread.join()


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


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


def answer_to(service: Aws, kind: str) -> dict[str, Any]:
    event = {
        "RequestType": kind,
        "ResponseURL": f"{service.url}/bucket/key?signature",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/ingest/1",
        "RequestId": "c3a1f2d4",
        "LogicalResourceId": "Schema",
    }
    lambda_handler(event, Context())
    (answer,) = service.answers
    assert {key: answer[key] for key in ("StackId", "RequestId", "LogicalResourceId")} == {
        key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")
    }
    return answer


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_create_and_update_migrate(service: Aws, kind: str) -> None:
    answer = answer_to(service, kind)
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"] == MIGRATED
    assert "stack-migrate" in service.invoked[0]


def test_delete_leaves_the_data_alone(service: Aws) -> None:
    service.status = 500
    assert answer_to(service, "Delete")["Status"] == "SUCCESS"
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


def test_an_endless_message_is_cut(service: Aws) -> None:
    service.function_error = "Unhandled"
    service.result = json.dumps({"errorMessage": "x" * 100_000}).encode()
    assert len(json.dumps(answer_to(service, "Create"))) < 4096  # what CloudFormation takes


def test_a_function_that_cannot_be_invoked_fails_it_too(service: Aws) -> None:
    service.status = 403
    service.result = json.dumps({"Message": "not authorized to perform InvokeFunction"}).encode()
    answer = answer_to(service, "Update")
    assert answer["Status"] == "FAILED"
    assert "not authorized" in answer["Reason"]
