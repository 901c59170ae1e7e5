"""Instance ids out of Parameter Store: every form, every page, and what is said of the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from ingest_fn.aws.clients import Clients
from ingest_fn.discovery.parameters import read_selection
from ingest_fn.errors import AccessDeniedError, AwsError, ConfigurationError, IngestError
from ingest_fn.local.aws import LocalAws
from tests.json_service import Body, running_json_service
from tests.making import instance_id

ONE, TWO, THREE = (instance_id(number) for number in (1, 2, 3))
REGION = "eu-central-1"


def read_instance_ids(client: Any, name: str) -> tuple[str, ...]:
    return read_selection(client, name).include.ids


@pytest.fixture
def client(aws: LocalAws) -> Any:
    return Clients(aws.region, calls_in_flight=1).make("ssm")


def put(name: str, value: str, kind: str = "String") -> None:
    boto3.client("ssm").put_parameter(Name=name, Value=value, Type=kind)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", f"{TWO}, {ONE}\n{THREE}"),
        ("StringList", f"{TWO},{ONE},{THREE}"),
        ("String", json.dumps([TWO, ONE, THREE])),
        ("StringList", f"{TWO},{ONE},{TWO},{THREE},{ONE}"),
    ],
)
def test_every_form_of_one_parameter(client: Any, kind: str, value: str) -> None:
    put("/fleet", value, kind)
    assert read_instance_ids(client, "/fleet") == (TWO, ONE, THREE)


def test_a_path_joins_all_that_is_below_it(client: Any) -> None:
    """More parameters than the ten of a page, some of them nested, and one beside the path."""
    ids = [instance_id(number) for number in range(25)]
    for number, id_ in enumerate(ids):
        put(f"/fleet/{'web/eu/' if number % 3 else ''}{number}", id_)
    put("/fleet-of-another", instance_id(99))
    assert sorted(read_instance_ids(client, "/fleet/")) == ids


def test_an_id_in_two_parameters_of_a_path_counts_once(client: Any) -> None:
    put("/fleet/a", f"{ONE},{TWO}", "StringList")
    put("/fleet/b", json.dumps([TWO, THREE]))
    assert read_instance_ids(client, "/fleet/") == (ONE, TWO, THREE)


def test_the_root_is_a_path_too(client: Any) -> None:
    put("/fleet/a", ONE)
    assert read_instance_ids(client, "/") == (ONE,)


@pytest.mark.parametrize(
    ("stored", "asked", "said"),
    [
        (("/fleet", ONE, "SecureString"), "/fleet", "SSM parameter /fleet is a SecureString"),
        (("/fleet/a", ONE, "SecureString"), "/fleet/", "SSM parameter /fleet/a is a SecureString"),
        (("/fleet", f"{ONE},i-xyz"), "/fleet", "SSM parameter /fleet holds 'i-xyz'"),
        (("/fleet/b", "i-xyz"), "/fleet/", "SSM parameter /fleet/b holds 'i-xyz'"),
        (("/fleet", " , "), "/fleet", "SSM parameter /fleet holds no instance ids"),
        (("/fleets", ONE), "/fleet", "SSM parameter /fleet does not exist"),
        (("/fleet", ONE), "/fleet/", "No SSM parameter exists below the path /fleet/"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_mend(
    client: Any, stored: tuple[str, ...], asked: str, said: str
) -> None:
    put(*stored)
    with pytest.raises(ConfigurationError) as caught:
        read_instance_ids(client, asked)
    assert caught.value.message.startswith(said)
    assert caught.value.hint


@contextmanager
def parameter_store(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[Body], tuple[int, Body]]
) -> Iterator[Any]:
    """A client of an endpoint that answers each request's body as ``answer`` says."""
    with running_json_service(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        yield Clients(REGION, calls_in_flight=1).make("ssm")


def parameter(name: str, value: str) -> Body:
    return {"Name": name, "Type": "String", "Value": value}


def test_an_empty_page_with_a_next_token_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: dict[str | None, Body] = {
        None: {"Parameters": [], "NextToken": "second"},
        "second": {"Parameters": [parameter("/fleet/a", ONE)], "NextToken": "third"},
        "third": {"Parameters": [], "NextToken": "fourth"},
        "fourth": {"Parameters": [parameter("/fleet/b", TWO)]},
    }
    with parameter_store(monkeypatch, lambda body: (200, pages[body.get("NextToken")])) as client:
        assert read_instance_ids(client, "/fleet/") == (ONE, TWO)


@pytest.mark.parametrize(("name", "asked"), [("/fleet/web/", "/fleet/web"), ("/", "/")])
def test_a_path_is_asked_for_as_the_policy_of_the_function_spells_it(
    monkeypatch: pytest.MonkeyPatch, name: str, asked: str
) -> None:
    """Without its last slash; the emulator takes both, IAM does not."""
    paths: list[str] = []

    def note(body: Body) -> tuple[int, Body]:
        paths.append(body["Path"])
        return 200, {"Parameters": [parameter("/fleet/web/a", ONE)]}

    with parameter_store(monkeypatch, note) as client:
        read_instance_ids(client, name)
    assert paths == [asked]


@pytest.mark.parametrize(
    ("name", "action"),
    [("/fleet", "ssm:GetParameter"), ("/fleet/", "ssm:GetParametersByPath")],
)
def test_a_denied_read_names_the_permission(
    monkeypatch: pytest.MonkeyPatch, name: str, action: str
) -> None:
    said = f"User: ingest is not authorized to perform: {action}"
    denied = {"__type": "AccessDeniedException", "Message": said}
    with (
        parameter_store(monkeypatch, lambda _: (400, denied)) as client,
        pytest.raises(AccessDeniedError) as caught,
    ):
        read_instance_ids(client, name)
    assert said in caught.value.message
    assert f"Allow {action} " in caught.value.hint


@pytest.mark.parametrize("name", ["/fleet", "/fleet/"])
def test_an_answer_that_is_an_error_is_no_missing_parameter(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A retry may help, so that it must not read as a mistake in the configuration."""
    refused = {"__type": "InvalidKeyId", "message": "the key is gone"}
    with (
        parameter_store(monkeypatch, lambda _: (400, refused)) as client,
        pytest.raises(IngestError, match="InvalidKeyId: the key is gone") as caught,
    ):
        read_instance_ids(client, name)
    assert not isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Parameter": None},
        {"Parameter": {"Name": "/fleet", "Value": ONE}},
        {"Parameter": {"Name": "/fleet", "Type": "String"}},
    ],
)
def test_what_is_no_answer_of_parameter_store_is_called_so(
    monkeypatch: pytest.MonkeyPatch, answer: Body
) -> None:
    with (
        parameter_store(monkeypatch, lambda _: (200, answer)) as client,
        pytest.raises(AwsError, match="not an answer of Parameter Store"),
    ):
        read_instance_ids(client, "/fleet")


def test_pages_without_an_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same token again, ever new ones, and ones that take longer than the run has."""
    asked: list[Body] = []

    def again(body: Body) -> tuple[int, Body]:
        asked.append(body)
        return 200, {"Parameters": [], "NextToken": "again"}

    def ever_new(body: Body) -> tuple[int, Body]:
        asked.append(body)
        return 200, {"Parameters": [], "NextToken": f"token-{len(asked)}"}

    with parameter_store(monkeypatch, again) as client, pytest.raises(AwsError, match="again"):
        read_instance_ids(client, "/fleet/")
    assert len(asked) < 5
    monkeypatch.setattr("ingest_fn.discovery.pages.MAX_PAGES", 30)
    with parameter_store(monkeypatch, ever_new) as client:
        with pytest.raises(AwsError, match="after 30 pages without an end"):
            read_instance_ids(client, "/fleet/")
        seconds = iter([60.0, 30.0, 10.0])
        with pytest.raises(AwsError, match="on page 3: the run's time is up"):
            read_selection(client, "/fleet/", time_left=lambda: next(seconds))
