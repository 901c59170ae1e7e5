from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.errors import ConfigurationError
from ingest_fn.request.selection import Selection, Tag, Terms
from ingest_fn.request.target import Slice, Target, parse_target
from tests.making import instance_id
from tests.unit.test_event import json_values

ID = "i-0123456789abcdef0"
ROLE = "arn:aws:iam::123456789012:role/fleet/reader"
HERE: dict[str, Any] = {"account_id": "123456789012", "region": "eu-west-1"}
NAMED = Selection(Terms((ID,)))
ONE = HERE | {"instance_ids": [ID]}


@pytest.mark.parametrize(
    ("value", "target"),
    [
        (ONE, Target("123456789012", "eu-west-1", selection=NAMED)),
        (
            HERE | {"role_arn": ROLE, "external_id": "a:b", "parameter": "/fleet/"},
            Target("123456789012", "eu-west-1", ROLE, "a:b", parameter="/fleet/"),
        ),
        (
            HERE | {"instances": ["tag:Env=prod", f"!{ID}"]},
            Target(
                "123456789012",
                "eu-west-1",
                selection=Selection(Terms(tags=((Tag("Env", "prod"),),)), Terms((ID,))),
            ),
        ),
        (
            HERE | {"selector": {"tag:Name": ["web", "db"]}, "slice": {"before": ID}},
            Target(
                "123456789012",
                "eu-west-1",
                selector=(("tag:Name", ("web", "db")),),
                slice=Slice(None, ID),
            ),
        ),
        (
            {"account_id": "123456789012", "region": "us-gov-west-1", "parameter": "ids"}
            | {"role_arn": "arn:aws-us-gov:iam::123456789012:role/reader"},
            Target(
                "123456789012",
                "us-gov-west-1",
                "arn:aws-us-gov:iam::123456789012:role/reader",
                parameter="ids",
            ),
        ),
    ],
)
def test_a_target_there_and_back(value: dict[str, Any], target: Target) -> None:
    assert parse_target(value) == target
    assert target.as_dict() == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "target is null"),
        ("web", 'target is "web"'),
        ({}, "target.account_id is null"),
        (ONE | {"account_id": 123456789012}, "target.account_id is 123456789012"),
        (ONE | {"account_id": "1234"}, 'target.account_id is "1234"'),
        (ONE | {"region": "Ireland"}, 'target.region is "Ireland"'),
        (ONE | {"role": ROLE}, "target has an unknown key 'role'"),
        (ONE | {"role_arn": "reader"}, 'target.role_arn is "reader"'),
        (
            ONE | {"role_arn": ROLE.replace("123456789012", "999999999999")},
            "is not a role of account 123456789012",
        ),
        (ONE | {"external_id": "a:b"}, "an external_id and no role_arn"),
        (ONE | {"role_arn": ROLE, "external_id": "a b"}, 'target.external_id is "a b"'),
        (ONE | {"role_arn": ROLE, "external_id": None}, "target.external_id is null"),
        (HERE, "in one way which instances"),
        (ONE | {"parameter": "/fleet/"}, "in one way which instances"),
        (ONE | {"instances": ["all"]}, "in one way which instances"),
        (HERE | {"instances": ["any"]}, "target.instances holds 'any'"),
        (HERE | {"instances": "all"}, 'target.instances is "all"'),
        (HERE | {"instances": None}, "target.instances is null"),
        (HERE | {"instance_ids": ["all"]}, "'all'"),
        (HERE | {"instance_ids": ID}, "target.instance_ids is"),
        (HERE | {"instance_ids": []}, "target.instance_ids holds no instance ids"),
        (HERE | {"instance_ids": ["web-1"]}, "'web-1'"),
        (HERE | {"parameter": ""}, 'target.parameter is ""'),
        (HERE | {"selector": {}}, "target.selector is {}"),
        (HERE | {"selector": {"tag:Name": "web"}}, "target.selector is"),
        (HERE | {"selector": {"tag:Name": []}}, "target.selector is"),
        (HERE | {"selector": {"tag:Name": [1]}}, "target.selector is"),
        (ONE | {"slice": {}}, "target.slice is {}"),
        (ONE | {"slice": {"index": 0, "of": 2}}, "target.slice is"),
        (ONE | {"slice": {"from": "a"}}, "target.slice holds 'a'"),
    ],
)
def test_a_bad_target_is_refused_by_name(value: object, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_target(value)
    assert said in caught.value.message
    assert caught.value.hint


KEYS = (
    "account_id",
    "region",
    "role_arn",
    "external_id",
    "instances",
    "instance_ids",
    "selector",
    "slice",
)


@given(st.dictionaries(st.sampled_from(KEYS), json_values))
def test_any_json_is_a_target_or_an_error(value: dict[str, object]) -> None:
    try:
        target = parse_target(ONE | value)
    except ConfigurationError:
        return
    assert parse_target(json.loads(json.dumps(target.as_dict()))) == target


@given(st.sets(st.integers(0, 200)), st.integers(0, 200))
def test_two_slices_at_any_id_hold_every_id_once(numbers: set[int], edge: int) -> None:
    ids = tuple(map(instance_id, sorted(numbers)))
    below, above = Slice(None, instance_id(edge)), Slice(instance_id(edge), None)
    assert below.of(ids) + above.of(ids) == ids
