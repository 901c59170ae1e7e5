"""The local AWS: boto3 talks to it by environment alone, and it leaves nothing behind."""

from __future__ import annotations

import socket
import threading
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest

from ingest_fn.local.aws import LocalAws, local_aws


def client(aws: LocalAws, monkeypatch: pytest.MonkeyPatch, service: str = "ssm") -> Any:
    """A client made in the ordinary way, under the emulator's environment."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    return botocore.session.get_session().create_client(service)


def assert_gone(aws: LocalAws) -> None:
    assert not [thread for thread in threading.enumerate() if thread.name == "local-aws"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(aws.url).port or 0)).close()


def test_boto3_reaches_it_by_the_environment_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    with local_aws("eu-central-1") as aws:
        ssm = client(aws, monkeypatch)
        ssm.put_parameter(Name="/ids", Value="i-1", Type="String")
        assert ssm.get_parameter(Name="/ids")["Parameter"]["Value"] == "i-1"
        assert ssm.meta.region_name == "eu-central-1"
        assert client(aws, monkeypatch, "cloudwatch").list_metrics()["Metrics"] == []
    assert capfd.readouterr() == ("", "")


def test_it_listens_on_the_loopback_alone() -> None:
    with local_aws() as aws:
        assert urlsplit(aws.url).hostname == "127.0.0.1"


def test_the_next_one_starts_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    with local_aws() as aws:
        client(aws, monkeypatch).put_parameter(Name="/ids", Value="i-1", Type="String")
    with local_aws() as aws:
        assert client(aws, monkeypatch).describe_parameters()["Parameters"] == []


def test_it_leaves_neither_thread_nor_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with local_aws() as aws:
        client(aws, monkeypatch).describe_parameters()
    assert_gone(aws)


def test_it_goes_with_the_block_whatever_ends_it() -> None:
    with pytest.raises(KeyboardInterrupt), local_aws() as aws:
        raise KeyboardInterrupt
    assert_gone(aws)


def test_it_comes_and_goes_within_a_second() -> None:
    begun = monotonic()
    with local_aws():
        pass
    assert monotonic() - begun < 1


def test_the_shells_profile_and_endpoints_do_not_reach_it(aws: LocalAws) -> None:
    shell = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_CLOUDWATCH": "https://elsewhere", "HOME": "/"}
    aws.take_over(shell)
    assert shell == {"HOME": "/"} | aws.environment()
