"""DescribeInstances at the speed of a regular expression, through botocore's public events.

An instance fills four kilobytes of XML, and botocore's parser half a millisecond with them: ten
times what reading and storing its day takes. Here one expression walks over an answer once and
stops only at the elements that ``Machine`` needs. botocore keeps signing, paging, retries and
errors. The order of elements is of no account; depth is counted by ``item``, since instances hold
lists of their own.

The elements: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from html import unescape
from http import HTTPStatus
from typing import Any

from ingest_fn.pipeline.machine import Machine

_EMPTY = b"<DescribeInstancesResponse/>"
_NEXT_TOKEN = re.compile(rb"<nextToken>([^<]+)</nextToken>")
_WANTED = (
    "instanceId",
    "instanceType",
    "launchTime",
    "attachTime",
    "reason",
    "availabilityZone",
    "platformDetails",
    "platform",
    "instanceLifecycle",
    "architecture",
    "imageId",
    "privateDnsName",
    "name",
    "key",
    "value",
)
_TOKEN = re.compile(
    r"<(?:(/?item|/?instancesSet)>"
    rf"|({'|'.join(_WANTED)})(?:/>|>([^<]*)<))"
)
_REASON_TIME = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")

OPERATING_SYSTEMS = {
    "Linux/UNIX": "Linux",
    "Red Hat Enterprise Linux": "RHEL",
    "SUSE Linux": "SUSE",
    "Ubuntu Pro Linux": "Ubuntu Pro",
}
"""EC2's platform details in the words of the Pricing API; others are the same in both, or have no
price of their own there:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-info-fields.html"""


def register(client: Any) -> None:
    """Make ``client`` answer DescribeInstances with ``Machine`` records, under ``Machines``."""
    client.meta.events.register("before-parse.ec2.DescribeInstances", _receive)


def _receive(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    body = response_dict["body"]
    whole = b"<reservationSet" in body and body.rstrip().endswith(b"</DescribeInstancesResponse>")
    if response_dict["status_code"] != HTTPStatus.OK or not whole:
        return
    try:
        customized_response_dict["Machines"] = list(machines_of(body.decode()))
    except (KeyError, ValueError):  # not the answer that the documentation describes
        return
    if token := _NEXT_TOKEN.search(body):
        customized_response_dict["NextToken"] = unescape(token[1].decode())
    response_dict["body"] = _EMPTY


def machines_of(text: str) -> Iterator[Machine]:
    """Every instance in the XML of an answer. Raises KeyError, ValueError where it is not one."""
    depth = -1  # outside the sets of instances
    one = _Collected()
    for structure, element, content in _TOKEN.findall(text):
        if element:
            if depth > 0:
                one.take(element, content, depth)
        elif structure == "instancesSet":
            depth = 0
        elif structure == "/instancesSet":
            depth = -1
        elif depth >= 0:
            depth += 1 if structure == "item" else -1
            if depth == 0:
                yield one.machine()
                one = _Collected()


class _Collected:
    """The elements of one instance."""

    __slots__ = ("_attached", "_fields", "_key", "_tags")

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._attached: list[str] = []
        self._key = ""

    def take(self, element: str, content: str, depth: int) -> None:
        """Count an element at ``depth``: 1 is the instance itself, more is in one of its lists."""
        if element == "key":
            self._key = content
        elif element == "value":
            self._tags[self._key] = content
        elif element == "attachTime":
            self._attached.append(content)
        elif depth == 1:
            self._fields[element] = content

    def machine(self) -> Machine:
        one, tags = self._fields, self._tags
        if any("&" in text for pair in tags.items() for text in pair):
            tags = {unescape(key): unescape(value) for key, value in tags.items()}
        started = _epoch(one["launchTime"])
        since = _REASON_TIME.search(one.get("reason", ""))
        details = one.get("platformDetails") or one.get("platform", "").capitalize() or "Linux/UNIX"
        return Machine(
            instance_id=one["instanceId"],
            instance_type=one["instanceType"],
            state=one["name"],
            launched_at=min([started, *map(_epoch, self._attached)]),
            started_at=started,
            state_since=_epoch(f"{since[1]}Z") if since else None,
            name=tags.get("Name") or None,
            availability_zone=one.get("availabilityZone"),
            platform=OPERATING_SYSTEMS.get(details, details),
            lifecycle=one.get("instanceLifecycle") or "on-demand",
            architecture=one.get("architecture"),
            image_id=one.get("imageId"),
            host=one.get("privateDnsName", "").partition(".")[0] or None,
            tags=tags,
        )


@lru_cache(4096)
def _epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
