"""Instance ids out of Parameter Store."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from ingest_fn.aws import Clients
from ingest_fn.errors import AccessDeniedError, ConfigurationError, IngestError
from ingest_fn.local.aws import LocalAws
from ingest_fn.ssm import read_instance_ids
from tests.making import instance_id

IDS = tuple(instance_id(number) for number in range(25))
ONE, TWO, THREE = IDS[:3]


def ids(name: str) -> tuple[str, ...]:
    return tuple(read_instance_ids(Clients("eu-central-1", 1).make("ssm"), name))


def put(name: str, value: str, kind: Any = "String") -> None:
    boto3.client("ssm").put_parameter(Name=name, Value=value, Type=kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (f"{ONE},{TWO}", "StringList"),
        (f"{ONE}, {TWO}\n", "String"),
        (f"{ONE}\n{TWO}", "String"),
        (json.dumps([ONE, TWO]), "String"),
        (f"{ONE},{TWO},{ONE}", "StringList"),
    ],
)
def test_one_parameter(aws: LocalAws, value: str, kind: str) -> None:
    put("/fleet", value, kind)
    assert ids("/fleet") == (ONE, TWO)


def test_all_parameters_below_a_path_page_by_page(aws: LocalAws) -> None:
    for number, id_ in enumerate(IDS):
        put(f"/fleet/{'deeper/' * (number % 2)}{number:02}", id_)
    put("/fleet-of-others", "i-0000beef")
    assert set(ids("/fleet/")) == set(IDS)


def test_a_path_s_duplicates_count_once(aws: LocalAws) -> None:
    put("/fleet/a", f"{ONE},{TWO}", "StringList")
    put("/fleet/b", f"{TWO},{THREE}", "StringList")
    assert ids("/fleet/") == (ONE, TWO, THREE)


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        (f"{ONE},i-123", "StringList", "SSM parameter /fleet holds 'i-123'"),
        ("[1]", "String", "holds 1, which is no instance id"),
        ("[", "String", "starts like a JSON array"),
        (ONE, "SecureString", "is a SecureString"),
    ],
)
def test_a_value_that_is_no_list_of_ids_is_refused_by_name(
    aws: LocalAws, value: str, kind: str, said: str
) -> None:
    put("/fleet", value, kind)
    with pytest.raises(ConfigurationError) as refused:
        ids("/fleet")
    assert said in str(refused.value)
    assert "/fleet" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [("/fleet", "/fleet does not exist"), ("/fleet/", "No SSM parameter exists below the path")],
)
def test_what_is_not_there_is_named_with_the_command_that_makes_it(
    aws: LocalAws, name: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        ids(name)
    assert "aws ssm put-parameter --name /fleet" in refused.value.mend


@contextmanager
def answering(answers: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    """A Parameter Store that gives these answers, one after the other, and the last for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, content = answers.pop(0) if len(answers) > 1 else answers[0]
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def point_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    def point(url: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    return point


def test_an_empty_page_may_have_a_next_one(point_at: Any) -> None:
    def page(*ids: str, **more: str) -> tuple[int, dict[str, Any]]:
        found = [{"Name": f"/fleet/{id_}", "Type": "String", "Value": id_} for id_ in ids]
        return 200, {"Parameters": found, **more}

    with answering([page(NextToken="1"), page(ONE, NextToken="2"), page(TWO)]) as url:
        point_at(url)
        assert ids("/fleet/") == (ONE, TWO)


@pytest.mark.parametrize(
    ("name", "action"), [("/fleet", "ssm:GetParameter"), ("/fleet/", "ssm:GetParametersByPath")]
)
def test_a_missing_permission_is_named(point_at: Any, name: str, action: str) -> None:
    denied = {"__type": "AccessDeniedException", "Message": "User is not authorized"}
    with answering([(400, denied)]) as url:
        point_at(url)
        with pytest.raises(AccessDeniedError, match=f"AWS denied {action}:") as refused:
            ids(name)
    assert f"Allow {action}" in refused.value.mend


def test_a_service_that_fails_is_no_missing_parameter(point_at: Any) -> None:
    with answering([(400, {"__type": "InternalServerError", "Message": "try later"})]) as url:
        point_at(url)
        with pytest.raises(IngestError, match="ssm:GetParameter failed") as failed:
            ids("/fleet")
    assert not isinstance(failed.value, ConfigurationError)
