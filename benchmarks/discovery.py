"""DescribeInstances over a whole fleet, on the client's side: stock boto3 against this reader.

``python -m benchmarks.discovery``. Pages of a thousand instances, four kilobytes of XML each as
EC2 writes them, come from another process. Both ways go through botocore, its paging and errors.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection
from urllib.parse import parse_qs

import boto3

from benchmarks.harness import ids, table
from ingest_fn.aws.clients import Clients
from ingest_fn.discovery.resolve import PAGE, resolve
from ingest_fn.pipeline.model import HOUR, Window
from ingest_fn.request.selection import parse_selection

INSTANCES = 10_000
REGION = "eu-central-1"
NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
WINDOW = Window(NOW.replace(minute=0) - 24 * HOUR, NOW.replace(minute=0))

_TAGS = "".join(
    f"<item><key>{key}</key><value>{value}</value></item>"
    for key, value in {
        "Name": "web-{number}",
        "Team": "payments",
        "Environment": "production",
        "CostCenter": "4711",
        "aws:autoscaling:groupName": "web",
        "aws:cloudformation:stack-name": "web-production",
        "aws:cloudformation:logical-id": "Group",
    }.items()
)
_GROUP = "<item><groupId>sg-0123456789abcdef0</groupId><groupName>web-servers</groupName></item>"
_INSTANCE = f"""<item>
<reservationId>r-0123456789abcdef0</reservationId><ownerId>123456789012</ownerId><groupSet/>
<instancesSet><item><instanceId>{{id}}</instanceId><imageId>ami-0123456789abcdef0</imageId>
<instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName>ip-10-0-12-34.eu-central-1.compute.internal</privateDnsName>
<dnsName>ec2-3-120-12-34.eu-central-1.compute.amazonaws.com</dnsName><reason/>
<keyName>operations</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/>
<instanceType>m7g.large</instanceType><launchTime>2026-11-02T08:12:31.000Z</launchTime>
<placement><availabilityZone>eu-central-1b</availabilityZone><availabilityZoneId>euc1-az3
</availabilityZoneId><groupName/><tenancy>default</tenancy></placement>
<monitoring><state>disabled</state></monitoring><subnetId>subnet-0123456789abcdef0</subnetId>
<vpcId>vpc-0123456789abcdef0</vpcId><privateIpAddress>10.0.12.34</privateIpAddress>
<ipAddress>3.120.12.34</ipAddress><sourceDestCheck>true</sourceDestCheck>
<groupSet>{_GROUP}{_GROUP}</groupSet><architecture>arm64</architecture>
<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName>
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>
<volumeId>vol-0123456789abcdef0</volumeId><status>attached</status>
<attachTime>2026-09-01T08:12:32.000Z</attachTime><deleteOnTermination>true</deleteOnTermination>
</ebs></item></blockDeviceMapping><virtualizationType>hvm</virtualizationType>
<clientToken>fleet-01234567-89ab-cdef-0123-456789abcdef</clientToken><tagSet>{_TAGS}</tagSet>
<hypervisor>xen</hypervisor><networkInterfaceSet><item>
<networkInterfaceId>eni-0123456789abcdef0</networkInterfaceId>
<subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId><description/>
<ownerId>123456789012</ownerId><status>in-use</status><macAddress>02:12:34:56:78:9a</macAddress>
<privateIpAddress>10.0.12.34</privateIpAddress>
<privateDnsName>ip-10-0-12-34.eu-central-1.compute.internal</privateDnsName>
<sourceDestCheck>true</sourceDestCheck><groupSet>{_GROUP}{_GROUP}</groupSet><attachment>
<attachmentId>eni-attach-0123456789abcdef0</attachmentId><deviceIndex>0</deviceIndex>
<status>attached</status><attachTime>2026-09-01T08:12:31.000Z</attachTime>
<deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex></attachment>
<association><publicIp>3.120.12.34</publicIp><publicDnsName>
ec2-3-120-12-34.eu-central-1.compute.amazonaws.com</publicDnsName><ipOwnerId>amazon</ipOwnerId>
</association><privateIpAddressesSet><item><privateIpAddress>10.0.12.34</privateIpAddress>
<primary>true</primary></item></privateIpAddressesSet><ipv6AddressesSet/>
<interfaceType>interface</interfaceType></item></networkInterfaceSet>
<iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/web</arn>
<id>AIPAEXAMPLEEXAMPLEEX</id></iamInstanceProfile><ebsOptimized>true</ebsOptimized>
<cpuOptions><coreCount>2</coreCount><threadsPerCore>1</threadsPerCore></cpuOptions>
<metadataOptions><state>applied</state><httpTokens>required</httpTokens>
<httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>
</metadataOptions><platformDetails>Linux/UNIX</platformDetails>
<usageOperation>RunInstances</usageOperation></item></instancesSet></item>"""


def pages(count: int) -> list[bytes]:
    """The answers of EC2 for ``count`` instances."""
    every = ids(count)
    answers = []
    for first in range(0, count, PAGE):
        items = "".join(
            _INSTANCE.replace("{id}", id_).replace("{number}", str(first + k))
            for k, id_ in enumerate(every[first : first + PAGE])
        )
        last = first + PAGE >= count
        token = "" if last else f"<nextToken>{first // PAGE + 1}</nextToken>"
        answers.append(
            f"<DescribeInstancesResponse><reservationSet>{items}</reservationSet>{token}"
            "</DescribeInstancesResponse>".encode()
        )
    return answers


def _serve(count: int, port: Connection) -> None:
    answers = pages(count)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            body = answers[int(form.get("NextToken", ["0"])[0])]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Do not log."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        port.send(server.server_port)
        server.serve_forever()


@contextmanager
def ec2(count: int) -> Iterator[None]:
    """An EC2 of ``count`` instances in a process of its own; the environment points to it."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(count, there))
    process.start()
    try:
        os.environ.update(
            AWS_ENDPOINT_URL_EC2=f"http://127.0.0.1:{here.recv()}",
            AWS_ACCESS_KEY_ID="local",
            AWS_SECRET_ACCESS_KEY="local",
            AWS_REGION=REGION,
            AWS_DEFAULT_REGION=REGION,
        )
        yield
    finally:
        process.terminate()
        process.join()


def stock() -> int:
    """The usual way: boto3's paginator with full pages."""
    found = boto3.client("ec2").get_paginator("describe_instances")
    answers = found.paginate(PaginationConfig={"PageSize": PAGE})
    return sum(len(r["Instances"]) for answer in answers for r in answer["Reservations"])


def reader() -> int:
    """The same through a selection."""
    everything = parse_selection("all", where="here")
    return len(resolve(everything, Clients(REGION, 1), WINDOW, now=NOW).instance_ids)


def measured(work: Callable[[], int], count: int) -> tuple[float, float]:
    """Seconds of one call, and CPU seconds of this process, after a first small one."""
    begun, cpu = time.perf_counter(), time.process_time()
    if work() != count:
        raise RuntimeError(f"not all of {count} instances were found")
    return time.perf_counter() - begun, time.process_time() - cpu


def results(count: int = INSTANCES) -> str:
    """Measure, and return a table."""
    ways = {"stock boto3": stock, "this reader, machines made": reader}
    with ec2(1):  # models and code are loaded once
        for work in ways.values():
            measured(work, 1)
    with ec2(count):
        figures = {name: measured(work, count) for name, work in ways.items()}
    first = figures["stock boto3"][1]
    return table(
        f"{count:,} instances|seconds|CPU seconds|CPU of stock",
        *(
            f"{name}|{took:.2f}|{cpu:.2f}|1/{first / cpu:.0f}"
            for name, (took, cpu) in figures.items()
        ),
    )


if __name__ == "__main__":
    print(results())
