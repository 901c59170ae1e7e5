"""The instance ids of a target: named in it, in an SSM parameter of its account, or by filters."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from ingest_fn.aws.clients import AWS_ERRORS, Clients, translate
from ingest_fn.discovery.parameters import read_instance_ids
from ingest_fn.request.target import Target

PAGE = 1_000
"""The most that DescribeInstances returns at once (its API reference)."""

_INSTANCE_ID = re.compile(rb"<instanceId>([^<]+)</instanceId>")
_NEXT_TOKEN = re.compile(rb"<nextToken>([^<]+)</nextToken>")
_EMPTY = b"<DescribeInstancesResponse/>"


def target_ids(target: Target, clients: Clients) -> tuple[str, ...]:
    """The ids of the target's slice, sorted; none where a selector matches no instance.

    Raises AccessDeniedError, ConfigurationError for a missing or malformed parameter, and
    IngestError where AWS does not answer.
    """
    if target.instance_ids:
        ids = target.instance_ids
    elif target.parameter is not None:
        ids = read_instance_ids(clients.make("ssm"), target.parameter)
    else:
        ids = _selected(clients.make("ec2"), target.selector)
    return target.slice.of(sorted(ids))


def _selected(client: Any, selector: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
    client.meta.events.register("before-parse.ec2.DescribeInstances", _receive)
    pages = client.get_paginator("describe_instances").paginate(
        Filters=[{"Name": name, "Values": list(values)} for name, values in selector],
        PaginationConfig={"PageSize": PAGE},
    )
    try:
        return tuple(
            instance["InstanceId"]
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        )
    except AWS_ERRORS as error:
        raise translate(error, "ec2:DescribeInstances") from error


def _receive(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    """Take the ids out of an answer, and leave the rest of it unparsed.

    An instance fills four kilobytes of XML, and botocore's parser half a millisecond with them:
    ten times what reading and storing its day takes. Nothing but an instance has an instanceId
    in the answer, and nothing but the answer a nextToken.
    """
    body = response_dict["body"]
    if response_dict["status_code"] != HTTPStatus.OK or b"<reservationSet" not in body:
        return
    ids = [{"InstanceId": found.decode()} for found in _INSTANCE_ID.findall(body)]
    customized_response_dict["Reservations"] = [{"Instances": ids}]
    if token := _NEXT_TOKEN.search(body):
        customized_response_dict["NextToken"] = token[1].decode()
    response_dict["body"] = _EMPTY
