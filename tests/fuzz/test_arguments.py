"""Any arguments of ``python -m ingest_fn``: 0, 1 or 2, a sentence on stderr, never a traceback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_fn.cli import main
from tests.fuzz.conftest import Playground, inputs
from tests.fuzz.corpus import ARGUMENTS
from tests.fuzz.outcome import assert_secret, printed, tried
from tests.fuzz.strategies import ODD_TEXT

NAMES = ("cloudwatch", "synthetic", "migrate")
OPTIONS = (
    "--event", "--lookback-hours", "--dry-run", "--json", "--quiet", "-q", "--help", "-h",
    "--instances", "--days", "--seed", "--until", "--labels", "--sql", "--nonsense", "-", "--",
    "--version", "--region", "--start", "--end",
)  # fmt: skip
VALUES = (
    "1", "0", "-1", "2", "48", "event.json", "/nonexistent/x", "/", "", "2026-11-01T00:00:00Z",
    "i-0123456789abcdef0", "eu-central-1",
)  # fmt: skip
odd = st.sampled_from([text for text in ODD_TEXT if "\0" not in text and "\ud83d" not in text])
words = st.one_of(st.sampled_from(OPTIONS), st.sampled_from(VALUES), odd)
commands = st.tuples(
    st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), words), st.lists(words, max_size=5)
).map(lambda parts: (parts[0], *parts[1]))


def with_corpus(test: Any) -> Any:
    for found in ARGUMENTS:
        test = example(arguments=found)(test)
    return test


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("event.json").write_text('{"dry_run": true}')
    return tmp_path


@with_corpus
@inputs(40, 4_000)
@given(arguments=commands)
def test_a_command_works_or_says_why_not(
    playground: Playground, arguments: tuple[str, ...]
) -> None:
    tried["arguments"] += 1
    code: Any = 0
    with printed() as (out, err), patch.object(sys, "argv", ["ingest_fn", *arguments]):
        try:
            main()
        except SystemExit as ending:
            code = ending.code
    said = err.text()
    assert code in {0, 1, 2, None}, (code, said[-300:])
    assert "Traceback" not in said
    assert_secret(out.text(), said)
    if code:
        tried["arguments, refused"] += 1
        assert said.strip(), "refused without a word"
        shown = said.replace("\n", "")
        # Typer draws a box around a usage error and repeats what was given.
        assert shown.isprintable(), repr(said[:500])
