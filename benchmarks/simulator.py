"""A CloudWatch that answers after a delay, and a relay to Postgres that delays what it forwards.

The reader names its queries by their position, so an answer depends only on the number of queries.
Each answer is therefore made once and then sent again, which keeps the simulator's own CPU small.
It runs as a process of its own: ``python -m benchmarks.simulator 0.03 0.001 127.0.0.1:5432``. It
prints one JSON line with its ports, and its CPU seconds for every line on standard input.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from functools import cache

HOURS = 24
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_START = re.compile(rb'"StartTime": ?([0-9.]+)')
_ID = re.compile(rb'"Id": ?"([^"]+)"')


class CloudWatch(asyncio.Protocol):
    """HTTP with keep-alive. Each request is answered ``delay`` seconds after its last byte."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._received, 0, head)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(self._received) < end:
            return
        request, self._received = bytes(self._received[:end]), self._received[end:]
        answer = _answer(request, request[head + 4 :])
        asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)


def _answer(head: bytes, body: bytes) -> bytes:
    start = _START.search(body)
    first = int(float(start[1])) if start else 0
    if b"GetMetricStatistics" in head:
        return _statistics(first)
    # If the reader made the ids, they follow from their number, so only the last one is parsed.
    last = body.rfind(b'"Id"')
    final = _ID.search(body, last)
    ids = tuple(_ID.findall(body)) if final is None or not final[1].startswith(b"i") else None
    return _data(first, ids, body.count(b'"Id"'))


@cache
def _statistics(first: int) -> bytes:
    points = [{"Timestamp": first + 3600 * k, "Unit": "Percent"} | _values(k) for k in range(HOURS)]
    return _http({"Label": "CPUUtilization", "Datapoints": points})


def _values(k: int) -> dict[str, float]:
    return {
        "Average": 12.345678901 + k,
        "Maximum": 45.678901234 + k,
        "Sum": 123456789.0 + k,
        "SampleCount": 12.0,
    }


@cache
def _data(first: int, ids: tuple[bytes, ...] | None, count: int) -> bytes:
    """500 series by name; the reader's own names are i0s0, i0s1, … in that order."""
    names = [name.decode() for name in ids] if ids else [f"i{k // 5}s{k % 5}" for k in range(count)]
    stamps = [first + 3600 * k for k in range(HOURS)]
    kinds = ("Average", "Maximum", "SampleCount", "Sum", "Sum")
    results = [
        {
            "Id": name,
            "Label": "CPUUtilization",
            "Timestamps": stamps,
            "Values": [_values(k)[kinds[position % 5]] for k in range(HOURS)],
            "StatusCode": "Complete",
        }
        for position, name in enumerate(names)
    ]
    return _http({"MetricDataResults": results, "Messages": []})


def answer_of(body: bytes) -> bytes:
    """The JSON that answers a GetMetricData request with this JSON."""
    return _answer(b"", body).partition(b"\r\n\r\n")[2]


def _http(content: object) -> bytes:
    body = json.dumps(content).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Forward everything in order, each piece ``delay`` seconds later."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(1 << 18):
        loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)


async def _wire(
    near: asyncio.StreamReader, back: asyncio.StreamWriter, host: str, port: int, delay: float
) -> None:
    far, forth = await asyncio.open_connection(host, port)
    with suppress(ConnectionError, asyncio.CancelledError):  # the end of the measurement
        await asyncio.gather(_relay(near, forth, delay / 2), _relay(far, back, delay / 2))


async def _serve(service_delay: float, wire_delay: float, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    http = await loop.create_server(lambda: CloudWatch(service_delay), "127.0.0.1", 0)
    wire = await asyncio.start_server(
        lambda r, w: _wire(r, w, host, port, wire_delay), "127.0.0.1", 0
    )
    ports = [server.sockets[0].getsockname()[1] for server in (http, wire)]
    print(json.dumps({"cloudwatch": ports[0], "postgres": ports[1]}), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps({"cpu": time.process_time()}), flush=True)


if __name__ == "__main__":
    target, target_port = sys.argv[3].rsplit(":", 1)
    asyncio.run(_serve(float(sys.argv[1]), float(sys.argv[2]), target, int(target_port)))
