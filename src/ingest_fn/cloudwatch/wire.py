"""CloudWatch's answers at the speed of the JSON library, through botocore's public events.

botocore keeps signing, endpoints, retries and errors. Only two steps are replaced, because at 500
queries a call they are nearly all of the client's CPU: validating and serialising the queries one
nested dict at a time (``before-call`` takes a finished body), and parsing the answer one timestamp
at a time (``before-parse`` may decode it). Whatever a good answer (status 200) holds is handed on
as it came, without a look at its shape: the readers look at every part they use.

The wire format is AWS JSON 1.0, timestamps as epoch seconds:
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

from __future__ import annotations

import json
from http import HTTPStatus
from threading import local
from typing import Any

import orjson

ANSWER = "Answer"
"""Where a decoded answer stands; None there: it was no JSON."""

PLAIN = "Plain"
"""Whether it was strict JSON without true and false, which Python takes for 1 and 0: then every
number in it is finite."""


def decode(client: Any, operation: str) -> None:
    """From here on ``client`` hands on the answers of ``operation`` as they came."""
    client.meta.events.register(f"before-parse.cloudwatch.{operation}", _receive)


class GetMetricData:
    """Calls GetMetricData with a finished body, from any number of threads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._call = local()
        client.meta.events.register("before-call.cloudwatch.GetMetricData", self._send)
        decode(client, "GetMetricData")

    def __call__(self, body: bytes) -> dict[str, Any]:
        """The answer in ANSWER, and PLAIN. Raises what a botocore client raises."""
        self._call.body = body
        answer: dict[str, Any] = self._client.get_metric_data(
            MetricDataQueries=[], StartTime=0, EndTime=0
        )
        return answer

    def _send(self, params: dict[str, Any], **_: object) -> None:
        params["body"] = self._call.body


def _receive(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    if response_dict["status_code"] != HTTPStatus.OK:
        return
    body = response_dict["body"]
    try:
        answer, plain = orjson.loads(body), not _has_booleans(body)
    except ValueError:
        answer, plain = _lenient(body), False
    customized_response_dict[ANSWER], customized_response_dict[PLAIN] = answer, plain
    response_dict["body"] = b"{}"


def _has_booleans(body: bytes) -> bool:
    """Whether true or false may stand in ``body``.

    Their letters r and f are rare in CloudWatch's answers, and a single byte is found by memchr,
    many times as fast as a word.
    """
    for letter, word in ((b"r", b"rue"), (b"f", b"false")):
        place = body.find(letter)
        while place != -1:
            if body.startswith(word, place):
                return True
            place = body.find(letter, place + 1)
    return False


def _lenient(body: bytes) -> Any:
    """What Python reads although it is no JSON, None where it is nothing at all.

    NaN, Infinity and numbers of any length: so the one value that is wrong can be told from its
    neighbours.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
