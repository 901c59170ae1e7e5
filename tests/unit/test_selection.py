from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.errors import ConfigurationError
from ingest_fn.request.selection import parse_ids

ONE, TWO = "i-0123456789abcdef0", "i-0a1b2c3d"
some_ids = st.lists(st.from_regex(r"i-([0-9a-f]{8}|[0-9a-f]{17})", fullmatch=True), min_size=1)


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
    assert parse_ids(text, where="here") == (ONE, TWO)


@given(some_ids, st.sampled_from([",", " ", "\n", " , "]))
def test_every_id_counts_once_in_order(ids: list[str], separator: str) -> None:
    expected = tuple(dict.fromkeys(ids))
    assert parse_ids(separator.join(ids), where="here") == expected
    assert parse_ids(json.dumps(ids), where="here") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no instance ids"),
        (" , ", "holds no instance ids"),
        ("[]", "holds no instance ids"),
        (f"{ONE},i-xyz", "'i-xyz'"),
        (f"{ONE};{TWO}", f"'{ONE};{TWO}'"),
        ("I-0123456789ABCDEF0", "'I-0123456789ABCDEF0'"),
        ("mi-0123456789abcdef0", "'mi-0123456789abcdef0'"),
        ('["i-0a1b2c3d"', "starts like a JSON array"),
        ('[{"id": 1}]', "{'id': 1}"),
    ],
)
def test_what_is_no_id_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_ids(text, where="SSM parameter /fleet")
    assert said in caught.value.message
    assert caught.value.message.startswith("SSM parameter /fleet")
