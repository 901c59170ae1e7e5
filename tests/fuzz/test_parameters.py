"""Any text in the SSM parameter, and any answer in place of Parameter Store's."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ingest_fn.errors import ConfigurationError, IngestError
from tests.chaos.services import Services
from tests.fuzz.conftest import PARAMETER, Playground, inputs
from tests.fuzz.corpus import PARAMETERS, STORE_ANSWERS
from tests.fuzz.outcome import tried_by
from tests.fuzz.strategies import instance_ids, junk, rather, texts

separators = st.sampled_from([",", " ", "\n", ", ", ",,", "\t", ";", "\u00a0", "\0", "|"])
listed = st.tuples(separators, st.lists(st.one_of(instance_ids, texts), max_size=4)).map(
    lambda parts: parts[0].join(parts[1])
)
values = st.one_of(
    listed,
    texts,
    junk.map(lambda value: str(value).replace("'", '"')),
    st.lists(instance_ids, max_size=3).map(lambda ids: str(ids).replace("'", '"')),
)
EVENT = {"dry_run": True}


def with_values(test: Any) -> Any:
    for found in PARAMETERS:
        test = example(value=found)(test)
    return test


def with_answers(test: Any) -> Any:
    for found in STORE_ANSWERS:
        test = example(answer=found)(test)
    return test


@with_values
@inputs(100, 9_000)
@given(value=values)
def test_a_parameter_holds_ids_or_is_refused(playground: Playground, value: str) -> None:
    playground.services.parameters = {PARAMETER: ("String", value)}
    found = tried_by("parameters", lambda: playground.handle(EVENT))
    if isinstance(found, IngestError):
        assert isinstance(found, ConfigurationError)
        assert playground.kept() == (0, 0)


parameters = st.fixed_dictionaries(
    {
        "Name": rather(st.just(PARAMETER)),
        "Type": rather(st.sampled_from(["String", "StringList", "SecureString"])),
        "Value": rather(values),
    },
    optional={"Version": junk},
)
answers = rather(st.fixed_dictionaries({"Parameter": rather(parameters)}))


@with_answers
@inputs(100, 5_000)
@given(answer=answers)
def test_an_answer_of_parameter_store_is_understood_or_refused(
    playground: Playground, answer: Any
) -> None:
    services: Services = playground.services
    services.parameter_answer = answer
    try:
        tried_by("parameter answers", lambda: playground.handle(EVENT))
    finally:
        services.parameter_answer = None
    assert playground.kept() == (0, 0)
