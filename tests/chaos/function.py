"""The real handler in processes of their own, as Lambda keeps them: warm, frozen, killed.

One nursery imports everything once and forks a process for each function that is asked for, so
that a new one costs milliseconds. A function takes events over a socket, one at a time; its
stdout and stderr are files, as Lambda's go to a log.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Context:
    """The part of Lambda's context that the handler uses, with a deadline that comes nearer."""

    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def behind(error: BaseException | None) -> Iterator[str]:
    """The error and all that led to it, also what a traceback leaves out."""
    if error is not None:
        yield repr(error)
        yield from behind(error.__cause__)
        if error.__cause__ is None:
            yield from behind(error.__context__)


def invoke(event: object, seconds: float, number: str) -> dict[str, Any]:
    """One event, as Lambda would hand it over; what came of it."""
    from ingest_fn.app import lambda_handler
    from ingest_fn.errors import IngestError

    begun = time.monotonic()
    context = Context(number, begun + seconds)
    said: dict[str, Any]
    try:
        said = {"result": lambda_handler(event, context)}  # type: ignore[arg-type]
    except BaseException as error:  # noqa: BLE001  whatever comes is what the harness is after
        ours = isinstance(error, IngestError)
        result = getattr(error, "result", None)
        said = {
            "error": type(error).__name__,
            "ours": ours,
            "message": str(error),
            "sentence": error.message if isinstance(error, IngestError) else "",
            "hint": error.hint if isinstance(error, IngestError) else "",
            "result": None if result is None else result.as_dict(),
            "traceback": "".join(traceback.format_exception(error)) + "\n".join(behind(error)),
        }
    now = time.monotonic()
    return said | {"seconds": now - begun, "left": context.deadline - now}


def serve(channel: socket.socket) -> None:
    """Be one function until the socket closes: the first line is the environment, then events."""
    with channel.makefile("rw", encoding="utf-8") as lines:
        given = json.loads(lines.readline())
        for path, number in ((given["stdout"], 1), (given["stderr"], 2)):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(file, number)
            os.close(file)
        for name in [name for name in os.environ if name.startswith(("AWS_", "DATABASE_"))]:
            del os.environ[name]
        os.environ.update(given["env"])
        lines.write(json.dumps({"pid": os.getpid()}) + "\n")
        lines.flush()
        for line in lines:
            order = json.loads(line)
            said = invoke(order["event"], order["seconds"], order["number"])
            sys.stdout.flush()
            lines.write(json.dumps(said) + "\n")
            lines.flush()


def nursery(path: str) -> None:
    """Fork a function for each connection to the Unix socket ``path``."""
    import boto3  # noqa: F401  what every function would import first
    import orjson  # noqa: F401
    import psycopg  # noqa: F401

    import ingest_fn.app
    import ingest_fn.aws.accounts
    import ingest_fn.cloudwatch.metric_data
    import ingest_fn.cloudwatch.metric_statistics
    import ingest_fn.discovery.parameters  # noqa: F401

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            channel, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                serve(channel)
                os._exit(0)
            channel.close()


if __name__ == "__main__":
    nursery(sys.argv[1])
