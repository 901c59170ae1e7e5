from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.errors import ConfigurationError
from ingest_fn.request.selection import Selection, Tag, Terms, parse_items, parse_selection

ONE, TWO = "i-0123456789abcdef0", "i-0a1b2c3d"
ids = st.from_regex(r"i-([0-9a-f]{8}|[0-9a-f]{17})", fullmatch=True)
keys = st.text(st.characters(exclude_characters="=&,\0", exclude_categories=["Z", "C"]), min_size=1)
keys = keys.map(lambda text: text[:128])
values = st.none() | st.text(st.characters(exclude_characters="&\0"), max_size=256)
conjunctions = st.lists(st.builds(Tag, keys, values), min_size=1, max_size=5, unique=True)
terms = st.builds(
    Terms,
    st.lists(ids, max_size=5, unique=True).map(tuple),
    st.booleans(),
    st.lists(conjunctions.map(tuple), max_size=5, unique=True).map(tuple),
)


def parse(text: str) -> Selection:
    return parse_selection(text, where="here")


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE},{TWO}",
        f" {ONE} ,\n{TWO}\t",
        f"{ONE}\n{TWO}\n",
        json.dumps([ONE, TWO]),
        f"{ONE},{TWO},{ONE},",
    ],
)
def test_the_forms_a_list_of_ids_takes(text: str) -> None:
    assert parse(text) == Selection(Terms((ONE, TWO)))
    assert not parse(text).asks_ec2


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("all", Selection(Terms(everything=True))),
        ("tag:Env=prod", Selection(Terms(tags=((Tag("Env", "prod"),),)))),
        ("tag:Env", Selection(Terms(tags=((Tag("Env"),),)))),
        ("tag:Env=", Selection(Terms(tags=((Tag("Env", ""),),)))),
        ("tag:a:b=c=d", Selection(Terms(tags=((Tag("a:b", "c=d"),),)))),
        ("tag:Team=R&D", Selection(Terms(tags=((Tag("Team", "R&D"),),)))),
        ("tag:A=x&tag:B=y*", Selection(Terms(tags=((Tag("A", "x"), Tag("B", "y*")),)))),
        ("tag:A=x&tag:B", Selection(Terms(tags=((Tag("A", "x"), Tag("B")),)))),
        ("tag:A=x&!tag:B", Selection(Terms(tags=((Tag("A", "x&!tag:B"),),)))),
        (f"all !{ONE}", Selection(Terms(everything=True), Terms((ONE,)))),
        (f"!tag:Env=dev,!{ONE}", Selection(Terms(), Terms((ONE,), tags=((Tag("Env", "dev"),),)))),
        ('["tag:Name=a, b"]', Selection(Terms(tags=((Tag("Name", "a, b"),),)))),
        ("!all", Selection(Terms(), Terms(everything=True))),
    ],
)
def test_what_an_item_means(text: str, selection: Selection) -> None:
    assert parse(text) == selection
    assert selection.asks_ec2
    assert parse_items(selection.items, where="here") == selection


def test_exclusions_alone_mean_all_without_these() -> None:
    assert parse(f"!{ONE}").everything
    assert not parse(f"{TWO} !{ONE}").everything
    assert not (parse(f"!{ONE}") | parse(TWO)).everything, "parameters below a path are one list"


@given(terms, terms)
def test_items_are_read_back_as_they_were_written(include: Terms, exclude: Terms) -> None:
    selection = Selection(include, exclude)
    if include or exclude:
        assert parse(json.dumps(selection.items)) == selection


@given(st.lists(ids, min_size=1), st.sampled_from([",", " ", "\n", " , "]))
def test_every_id_counts_once_in_order(given_ids: list[str], separator: str) -> None:
    expected = Selection(Terms(tuple(dict.fromkeys(given_ids))))
    assert parse(separator.join(given_ids)) == expected
    assert parse(json.dumps(given_ids)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no instance ids"),
        (" , ", "holds no instance ids"),
        ("[]", "holds no instance ids"),
        (f"{ONE},i-xyz", "'i-xyz' (item 2)"),
        (f"{ONE};{TWO}", f"'{ONE};{TWO}'"),
        ("I-0123456789ABCDEF0", "'I-0123456789ABCDEF0'"),
        ("mi-0123456789abcdef0", "'mi-0123456789abcdef0'"),
        ("ALL", "'ALL'"),
        ("!", "'!'"),
        ("!!all", "'!!all'"),
        ("tag:", "'tag:'"),
        ("tag:=x", "'tag:=x'"),
        ("tag:A&tag:", "'tag:A&tag:'"),
        (f"{ONE}&tag:A", f"'{ONE}&tag:A'"),
        ("tag:" + "k" * 129, "kkk"),
        ("tag:A=" + "v" * 257, "vvv…"),
        ('["tag:A=\\u0000"]', "tag:A="),
        ('["i-0a1b2c3d"', "starts like a JSON array"),
        ("[" * 5_000, "starts like a JSON array"),
        ("[" + "9" * 5_000 + "]", "starts like a JSON array"),
        ('[{"id": 1}]', '{"id": 1}'),
        ("[null]", "null"),
        ('{"instances": []}', "holds a JSON object"),
        (" ".join(f"tag:A={n}" for n in range(51)), "holds 51 items of tags"),
        ("&".join(f"tag:A={n}" for n in range(21)), "tag:A=0&tag:A=1"),
    ],
)
def test_what_is_no_item_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_selection(text, where="SSM parameter /fleet")
    assert said in caught.value.message
    assert caught.value.message.startswith("SSM parameter /fleet")
    assert caught.value.hint
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("postgresql://ingest:hunter2@db.example/metrics", "a URL (postgresql://…)"),
        ("host=db,password=hunter2", "host=db"),
        ('["hunter2:hunter2@db"]', "may hold a secret"),
        ('["password=hunter2"]', "may hold a secret"),
        ('["Bhunter2unter2Zq8YxPm31LbTn"]', "may be a secret"),
        ('{"username": "ingest", "password": "hunter2"}', "holds a JSON object"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2", "'-----BEGIN'"),
    ],
)
def test_what_may_be_a_secret_is_not_repeated(text: str, form: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert form in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("bad", ["\x1b[31m", "\u202e", "\udc80", "\x00", "\u2028"])
def test_what_would_disturb_a_terminal_is_escaped(bad: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_items([f"i-{bad}"], where="here")
    assert str(caught.value).isprintable()
