"""What every input has to come to: it works, or it is refused in one sentence."""

from __future__ import annotations

import io
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from ingest_fn.errors import IncompleteRunError, IngestError
from ingest_fn.telemetry import SERVICE

LONGEST = 1_000
LONGEST_LINE = 262_000
SECRETS = {
    "database": "marker-database-5f0c",
    "key": "marker-key-5f0c",
    "token": "marker-token-5f0c",
    "proxy": "marker-proxy-5f0c",
    "parameter": "marker-parameter-5f0c",
}
"""Planted wherever a secret can stand."""

tried: Counter[str] = Counter()
"""How many inputs each test has tried, and how many of them were refused."""


class Output(io.TextIOWrapper):
    """What was printed, in memory, through an encoding as a terminal has one."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        """All of it so far."""
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode("utf-8", errors="surrogateescape")


@contextmanager
def printed() -> Iterator[tuple[Output, Output]]:
    """Stdout and stderr of the block."""
    # A logger keeps the stdout that it was made with.
    logging.Logger.manager.loggerDict.pop(SERVICE, None)
    out, err = Output(), Output()
    with redirect_stdout(out), redirect_stderr(err):
        yield out, err


def tried_by(name: str, call: Callable[[], Any]) -> dict[str, Any] | IngestError:
    """What ``call`` gave, or the IngestError that it raised; anything else fails the test."""
    tried[name] += 1
    with printed() as (out, err):
        found: dict[str, Any] | IngestError
        try:
            found = call()
        except IngestError as error:
            found = error
            tried[f"{name}, refused"] += 1
    if isinstance(found, IngestError):
        assert_a_sentence(str(found))
    assert_presentable(out.text(), err.text())
    if isinstance(found, IncompleteRunError):
        assert_balanced(found.result.as_dict())
    elif isinstance(found, dict):
        assert_balanced(found)
    return found


def assert_a_sentence(said: str) -> None:
    """Short, printable, and without a secret."""
    assert 0 < len(said) <= LONGEST, (len(said), said[:200])
    assert said.isprintable(), repr(said)
    assert_secret(said)


def assert_presentable(out: str, err: str) -> None:
    """A log that a machine reads line by line, and no traceback anywhere."""
    for line in out.splitlines():
        json.loads(line)
        assert len(line.encode(errors="surrogateescape")) <= LONGEST_LINE
    assert "Traceback" not in err, err[-500:]
    assert_secret(out, err)


def assert_secret(*shown: str) -> None:
    """None of the markers is in there."""
    assert [marker for marker in SECRETS.values() if any(marker in text for text in shown)] == []


def assert_balanced(result: dict[str, Any]) -> None:
    """Every instance asked for ended in one way."""
    json.dumps(result)
    counts = result["instances"]
    ways = ("ok", "empty", "partial", "failed", "not_due")
    assert counts["requested"] == sum(counts.get(way, 0) for way in ways), counts
