"""Selections against EC2: what is asked, what comes back, and what nobody needs to read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import boto3
import botocore.session
import pytest

from ingest_fn.aws.clients import Clients
from ingest_fn.discovery import resolve as module
from ingest_fn.discovery.resolve import Resolved, resolve
from ingest_fn.errors import AccessDeniedError, AwsError
from ingest_fn.local.aws import LocalAws
from ingest_fn.pipeline.model import HOUR, Window
from ingest_fn.request.selection import parse_selection
from tests.making import DAY, END, instance_id

NOW = END + timedelta(minutes=15)
Query = dict[str, str]


def resolved(
    text: str,
    clients: Clients,
    window: Window = DAY,
    now: datetime = NOW,
) -> Resolved:
    selection = parse_selection(text, where="here")
    return resolve(selection, clients, window, now=now)


def launch(**tags: str) -> str:
    run = boto3.client("ec2").run_instances(
        ImageId="ami-12345678",
        InstanceType="m7g.large",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ],
    )
    return str(run["Instances"][0]["InstanceId"])


@pytest.fixture
def fleet(aws: LocalAws) -> dict[str, str]:
    return {
        "web": launch(Name="web-1", Env="prod", Team="R&D"),
        "db": launch(Name="db", Env="prod", Owner=""),
        "test": launch(Name="web-2", Env="dev"),
        "bare": launch(Nothing="here"),
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("all", {"web", "db", "test", "bare"}),
        ("tag:Env=prod", {"web", "db"}),
        ("tag:Env", {"web", "db", "test"}),
        ("tag:Name=web-*", {"web", "test"}),
        ("tag:Name=web-*&tag:Env=prod", {"web"}),
        ("tag:Team=R&D", {"web"}),
        ("tag:Env=dev tag:Team", {"web", "test"}),
        ("tag:Env=prod,!tag:Name=web-*", {"db"}),
        ("!tag:Env=prod", {"test", "bare"}),
        ("all !tag:Env", {"bare"}),
        ("tag:Env=nowhere", set()),
        ("tag:env=prod", set()),
        ("!all", set()),
    ],
)
def test_what_a_selection_means(
    aws: LocalAws, fleet: dict[str, str], text: str, names: set[str]
) -> None:
    found = resolved(text, Clients(aws.region, 1))
    assert found.instance_ids == tuple(sorted(fleet[name] for name in names))
    assert found.not_due == 0
    assert found.described is None or set(found.described) == set(found.instance_ids)
    assert found.searched


def test_ids_beside_tags_and_exclusions_that_win(aws: LocalAws, fleet: dict[str, str]) -> None:
    clients, other = Clients(aws.region, 1), instance_id(7)
    both = resolved(f"{other} tag:Env=dev", clients)
    assert both.instance_ids == tuple(sorted([other, fleet["test"]]))
    assert resolved(f"{other} {fleet['web']} !tag:Env=prod", clients).instance_ids == (other,)
    assert resolved(f"all {other} !{other} !{fleet['web']}", clients).instance_ids == tuple(
        sorted(id_ for name, id_ in fleet.items() if name != "web")
    )


def test_ids_alone_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No emulator is there: a call would fail."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    ids = [instance_id(number) for number in (3, 1, 2)]
    found = resolved(f"{' '.join(ids)} !{ids[0]}", Clients("eu-central-1", 1))
    assert found == Resolved((ids[1], ids[2]))


def test_only_a_look_at_everything_says_what_is_gone(aws: LocalAws, fleet: dict[str, str]) -> None:
    clients = Clients(aws.region, 1)
    assert resolved("all !tag:Env=prod", clients).shown == frozenset(fleet.values())
    assert resolved("tag:Env", clients).shown is None


def test_a_machine_as_ec2_describes_it(aws: LocalAws, fleet: dict[str, str]) -> None:
    begun = int(datetime.now(UTC).timestamp()) - 60
    found = resolved("tag:Name=db", Clients(aws.region, 1)).described
    assert found is not None
    machine = found[fleet["db"]]
    assert machine.instance_type == "m7g.large"
    assert (machine.name, machine.state, machine.platform) == ("db", "running", "Linux")
    assert (machine.lifecycle, machine.availability_zone) == ("on-demand", "eu-central-1a")
    assert machine.tags == {"Name": "db", "Env": "prod", "Owner": ""}
    assert begun <= machine.launched_at <= machine.started_at <= begun + 120
    assert machine.state_since is None


def test_what_stock_boto3_reads_is_what_is_read_here(aws: LocalAws, fleet: dict[str, str]) -> None:
    boto3.client("ec2").stop_instances(InstanceIds=[fleet["web"]])
    mine = resolved("all", Clients(aws.region, 1)).described
    assert mine is not None
    pages = boto3.client("ec2").get_paginator("describe_instances").paginate()
    theirs = [one for page in pages for r in page["Reservations"] for one in r["Instances"]]
    assert len(theirs) == len(mine) == 4
    for one in theirs:
        machine = mine[one["InstanceId"]]
        assert machine.instance_type == one["InstanceType"]
        assert machine.state == one["State"]["Name"]
        assert machine.started_at == int(one["LaunchTime"].timestamp())
        assert machine.tags == {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        assert machine.availability_zone == one["Placement"]["AvailabilityZone"]
        assert machine.architecture == one["Architecture"]
        assert machine.image_id == one["ImageId"]
        assert machine.host == one["PrivateDnsName"].split(".")[0]
        assert (machine.state_since is not None) == (machine.state == "stopped")


def instance(number: int, state: str = "running", reason: str = "", **elements: str) -> str:
    launched = elements.pop("launchTime", "2026-11-01T08:00:00.000Z")
    more = "".join(f"<{name}>{text}</{name}>" for name, text in elements.items())
    return f"""
      <item>
        <instanceId>{instance_id(number)}</instanceId>
        <imageId>ami-1</imageId>
        <instanceState><code>16</code><name>{state}</name></instanceState>
        <privateDnsName>ip-10-0-0-{number}.eu-central-1.compute.internal</privateDnsName>
        <reason>{reason}</reason>
        <instanceType>m7g.large</instanceType>
        <launchTime>{launched}</launchTime>
        <placement><availabilityZone>eu-central-1b</availabilityZone></placement>
        {more}
        <blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>
          <attachTime>2026-10-02T08:00:00.000Z</attachTime></ebs></item></blockDeviceMapping>
        <networkInterfaceSet><item><privateDnsName>other.internal</privateDnsName>
          <attachment><attachTime>2026-10-01T08:00:00.000Z</attachTime></attachment>
        </item></networkInterfaceSet>
        <tagSet><item><key>Name</key><value>&lt;web&gt; &amp; more</value></item></tagSet>
      </item>"""


def page(*instances: str, token: str = "") -> str:
    end = f"<nextToken>{token}</nextToken>" if token else ""
    return (
        '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet>'
        f"<item><groupSet><item/></groupSet><instancesSet>{''.join(instances)}</instancesSet></item>"
        f"</reservationSet>{end}</DescribeInstancesResponse>"
    )


@contextmanager
def ec2(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[Query], tuple[int, str]]
) -> Iterator[Clients]:
    """Clients of an EC2 that meets each query with a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body = answer({key: values[0] for key, values in form.items()})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        try:
            yield Clients("eu-central-1", 1)
        finally:
            server.shutdown()
            thread.join()


def test_filters_are_the_servers_and_pages_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Query] = []

    def answer(query: Query) -> tuple[int, str]:
        asked.append(query)
        if "NextToken" not in query:
            return 200, page(instance(1), token="a&amp;b")
        return 200, page() if query["NextToken"] == "last" else page(instance(2), token="last")

    with ec2(monkeypatch, answer) as clients:
        found = resolved("tag:Env=pr*&tag:A*b", clients)
    assert found.instance_ids == (instance_id(1), instance_id(2))
    assert [query.get("NextToken") for query in asked] == [None, "a&b", "last"]
    assert {query["MaxResults"] for query in asked} == {"1000"}
    first = asked[0]
    assert (first["Filter.1.Name"], first["Filter.1.Value.1"]) == ("tag:Env", "pr*")
    assert (first["Filter.2.Name"], first["Filter.2.Value.1"]) == ("tag-key", r"A\*b")


def test_everything_beside_tags_is_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Query] = []

    def answer(query: Query) -> tuple[int, str]:
        asked.append(query)
        return 200, page(instance(1))

    with ec2(monkeypatch, answer) as clients:
        resolved("all tag:Env=prod tag:Env=dev", clients)
    assert len(asked) == 1
    assert not [key for key in asked[0] if key.startswith("Filter")]


def test_names_times_and_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    body = page(
        instance(1),
        instance(2, platformDetails="Windows", platform="windows", instanceLifecycle="spot"),
        instance(3, platformDetails="Red Hat Enterprise Linux", architecture="arm64"),
        instance(4, platform="windows"),
        instance(5, platformDetails="Windows with SQL Server Standard"),
    )
    with ec2(monkeypatch, lambda _: (200, body)) as clients:
        machines = resolved("all", clients).described
    assert machines is not None
    first = machines[instance_id(1)]
    assert first.name == "<web> & more"
    assert first.launched_at == int(datetime(2026, 10, 1, 8, tzinfo=UTC).timestamp())
    assert first.started_at == int(datetime(2026, 11, 1, 8, tzinfo=UTC).timestamp())
    assert first.host == "ip-10-0-0-1"
    assert [one.platform for one in machines.values()] == [
        "Linux",
        "Windows",
        "RHEL",
        "Windows",
        "Windows with SQL Server Standard",
    ]
    assert machines[instance_id(2)].lifecycle == "spot"
    assert machines[instance_id(3)].architecture == "arm64"


def test_what_has_nothing_new_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window is 22 November 10:00 to 23 November 10:00, and it is 10:15."""
    fresh = page(
        instance(1, "stopped", "User initiated (2026-11-22 10:00:00 GMT)"),
        instance(2, "stopped", "User initiated (2026-11-22 10:00:01 GMT)"),
        instance(3, "stopped", "Server.SpotInstanceShutdown"),
        instance(4, "terminated", "User initiated (2026-11-23 09:00:00 GMT)"),
        instance(5, "terminated", "User initiated (2026-11-23 09:00:00 GMT)"),
        instance(6, "stopping", "User initiated (2026-11-01 09:00:00 GMT)"),
        instance(7),
    )
    with ec2(monkeypatch, lambda _: (200, fresh)) as clients:
        found = resolved("all", clients)
    assert found.not_due_ids == (instance_id(1),)
    assert found.instance_ids == tuple(instance_id(number) for number in range(2, 8))
    assert found.described is not None
    assert len(found.described) == 7

    end, stop = int(END.timestamp()), int((DAY.start).timestamp())
    read = {instance_id(number): end for number in range(1, 8)}
    revised = found.revised(read)
    assert revised.not_due_ids == tuple(instance_id(number) for number in (1, 4, 5))
    assert set(revised.instance_ids) == {instance_id(number) for number in (2, 3, 6, 7)}
    assert instance_id(4) in found.revised(read | {instance_id(4): end - 7_200}).instance_ids
    assert instance_id(4) in found.revised(read, owing={instance_id(4)}).instance_ids
    assert instance_id(1) in found.revised(read | {instance_id(1): stop - 3_600}).instance_ids
    assert instance_id(1) in found.revised(read, owing={instance_id(1)}).instance_ids
    late = found.revised(read | {instance_id(1): stop - 3_600}, healed_from=end - 3_600)
    assert instance_id(1) in late.not_due_ids, "no run heals hours that are so old"
    assert found.revised({}).not_due_ids == (instance_id(1),), "none has been read so far"


def test_a_machine_launched_after_an_old_window_is_not_asked_for_unless_it_is_brand_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = Window(DAY.start - 90 * 24 * HOUR, DAY.end - 90 * 24 * HOUR)
    with ec2(monkeypatch, lambda _: (200, page(instance(1)))) as clients:
        assert resolved("all", clients, old).not_due_ids == (instance_id(1),)
        at_once = datetime(2026, 10, 1, 8, 30, tzinfo=UTC)
        assert resolved("all", clients, old, at_once).instance_ids == (instance_id(1),)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, "<html><body>Welcome</body></html>", "ec2:DescribeInstances failed"),
        (200, "{}", "ec2:DescribeInstances failed"),
        (200, page(instance(1))[:-40], "ec2:DescribeInstances failed"),
        (200, page(instance(1)).replace("launchTime", "launch"), "not one of EC2's"),
    ],
)
def test_what_is_no_answer_of_ec2_is_not_taken_for_an_empty_fleet(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str, said: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with ec2(monkeypatch, lambda _: (status, body)) as clients, pytest.raises(AwsError, match=said):
        resolved("all", clients)


def test_a_refusal_names_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    body = (
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not "
        "authorized to perform this operation.</Message></Error></Errors></Response>"
    )
    with (
        ec2(monkeypatch, lambda _: (403, body)) as clients,
        pytest.raises(AccessDeniedError) as caught,
    ):
        resolved("all", clients)
    assert "ec2:DescribeInstances" in caught.value.hint


def test_pages_without_an_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Query] = []

    def answer(query: Query) -> tuple[int, str]:
        asked.append(query)
        return 200, page(token=f"t{len(asked)}")

    monkeypatch.setattr("ingest_fn.discovery.pages.MAX_PAGES", 20)
    with ec2(monkeypatch, answer) as clients, pytest.raises(AwsError, match="after 20 pages"):
        resolved("all", clients)


def test_a_page_is_never_larger_than_ec2_allows() -> None:
    model = botocore.session.get_session().get_service_model("ec2")
    shape: Any = model.operation_model("DescribeInstances").input_shape
    assert "MaxResults" in shape.members
    assert module.PAGE == 1_000
