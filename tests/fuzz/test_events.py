"""Any event: it is done, or refused by name before anything is written."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given

from ingest_fn.errors import IncompleteRunError, IngestError
from tests.fuzz.conftest import Playground, inputs
from tests.fuzz.corpus import EVENTS
from tests.fuzz.outcome import tried_by
from tests.fuzz.strategies import events


def with_corpus(test: Any) -> Any:
    for event in EVENTS:
        test = example(event=event)(test)
    return test


@with_corpus
@inputs(200, 22_000)
@given(event=events)
def test_an_event_is_done_or_refused(playground: Playground, event: object) -> None:
    before = playground.kept()
    found = tried_by("events", lambda: playground.handle(event))
    if isinstance(found, IngestError) and not isinstance(found, IncompleteRunError):
        assert playground.kept() == before
