"""Any answer of CloudWatch: nothing is stored that it did not send, and the rest is not lost."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_fn import app
from tests.chaos.truth import COLUMNS, HOUR, Table, Truth, real
from tests.chaos.values import RAW
from tests.fuzz.conftest import Playground, inputs
from tests.fuzz.corpus import CHANGES
from tests.fuzz.outcome import tried_by
from tests.fuzz.strategies import junk

IDS = ("i-00000000000000001", "i-00000000000000002")
END = 1_800_000_000 // 86_400 * 86_400
raw = st.sampled_from(
    ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" + "0" * 400, "5e38", "1E3", "-0",
     "[" * 400 + "]" * 400, "0.1e1", "1.0000000000000000000000001"]
).map(lambda token: RAW + token)  # fmt: skip
change = st.tuples(
    st.lists(st.integers(0, 60), min_size=1, max_size=5),
    st.sampled_from(["replace", "replace", "delete", "repeat", "insert"]),
    st.one_of(junk, raw),
)
changes = st.lists(change, min_size=1, max_size=3)
Change = tuple[list[int], str, Any]


def changed(answer: Any, path: list[int], how: str, value: Any) -> Any:
    """``answer`` with the node at ``path`` (each step an index, modulo the size) changed."""
    if not path or not isinstance(answer, dict | list) or not answer:
        return value
    keys: list[Any] = list(answer) if isinstance(answer, dict) else [*range(len(answer))]
    key = keys[path[0] % len(keys)]
    if len(path) > 1 and isinstance(answer[key], dict | list) and answer[key]:
        answer[key] = changed(answer[key], path[1:], how, value)
    elif how == "delete":
        del answer[key]
    elif how == "repeat" and isinstance(answer, list):
        answer.insert(key, answer[key])
    elif how == "insert" and isinstance(answer, list):
        answer.insert(key, value)
    else:
        answer[key] = value
    return answer


def sent_in(value: Any) -> set[float]:
    """The finite numbers in what was put there, as they are and as Postgres would keep them."""
    if isinstance(value, str) and value.startswith(RAW):
        try:
            value = float(value.removeprefix(RAW))
        except ValueError:
            return set()
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return set().union(*map(sent_in, inner)) if inner else set()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return set()
    try:
        number = float(value)
    except OverflowError:
        return set()
    if not math.isfinite(number):
        return set()
    return {number, real(number)} if abs(number) < 3e38 else {number}


def with_corpus(test: Any) -> Any:
    for found in CHANGES:
        test = example(made=found)(test)
    return test


@pytest.fixture(params=["metric-data", "metric-statistics"])
def api(
    playground: Playground, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    chosen: str = request.param
    monkeypatch.setenv("CLOUDWATCH_API", chosen)
    app.ingester.cache_clear()
    return chosen


@with_corpus
@inputs(60, 4_500)
@given(made=changes)
def test_only_what_was_sent_is_stored(playground: Playground, api: str, made: list[Change]) -> None:
    services = playground.services
    end = int(_now()) // HOUR * HOUR - 5 * HOUR
    truth = Truth(IDS, end - 5 * HOUR, 5, Random(1))
    truth.make()
    truth.publish(services.cloudwatch)
    left = list(made)

    def spoil(answer: Any) -> Any:
        if left:
            answer = changed(answer, *left.pop(0))
        return answer

    services.spoil = spoil
    event = {"start": _iso(end - 5 * HOUR), "end": _iso(end), "instance_ids": list(IDS)}
    try:
        tried_by(f"answers of {api}", lambda: playground.handle(event))
        odd = set().union(*(sent_in(value) for _, _, value in made))
        for key, row in stored(playground).items():
            for column, value in zip(COLUMNS, row, strict=True):
                known = truth.ever.get((*key, column), set())
                assert value is None or value in known or value in odd, (key, column, value)
    finally:
        services.spoil = None
        playground.admin.execute("TRUNCATE metrics, instances CASCADE")


def stored(playground: Playground) -> Table:
    rows = playground.admin.execute(
        f"SELECT i.instance_id, extract(epoch FROM timestamp)::bigint, {', '.join(COLUMNS)} "
        "FROM metrics JOIN instances AS i ON i.id = metrics.instance_id",
        binary=True,
    ).fetchall()
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def _now() -> float:
    from time import time

    return time()


def _iso(second: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(second, UTC).isoformat()
