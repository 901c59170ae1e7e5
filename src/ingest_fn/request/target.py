"""A target: which instances to read in which account and Region, and in which role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ingest_fn.errors import ConfigurationError
from ingest_fn.request import fields
from ingest_fn.request.selection import ITEMS, Selection, parse_ids, parse_items

_FORMS = {
    "account_id": re.compile(r"[0-9]{12}"),
    "region": re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+"),
    "role_arn": re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII),
    "external_id": re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII),
    "parameter": re.compile(r"[\w./:-]+", re.ASCII),
}
_KEYS = {
    "account_id": "the twelve digits of an AWS account, as a string",
    "region": "a Region, as in eu-west-1",
    "role_arn": "the ARN of a role in that account, arn:aws:iam::123456789012:role/name",
    "external_id": "what the role's trust policy asks for: 2 to 1224 letters, digits or +=,.@:/-",
    "instances": ITEMS,
    "instance_ids": "a list of EC2 instance ids",
    "parameter": "the name of an SSM parameter, or a path that ends in /",
    "selector": 'filters of DescribeInstances, as in {"tag:Name": ["web", "worker"]}',
    "slice": 'an id to start from, one to stop before, or both: {"from": "i-…", "before": "i-…"}',
}
_CHOICES = ("instances", "instance_ids", "parameter", "selector")
WHAT = "an object with account_id, region and one of instances, parameter or selector"


@dataclass(frozen=True, slots=True)
class Slice:
    """The ids from ``start`` up to ``before``; None leaves that side open.

    Bounds are ids and not positions: an instance that is launched between planning and reading
    moves no other one into or out of a slice.
    """

    start: str | None = None
    before: str | None = None

    def of(self, instance_ids: Iterable[str]) -> tuple[str, ...]:
        """Those of ``instance_ids`` that are in the slice, in their order."""
        return tuple(
            instance_id
            for instance_id in instance_ids
            if (self.start is None or instance_id >= self.start)
            and (self.before is None or instance_id < self.before)
        )


@dataclass(frozen=True, slots=True)
class Target:
    """One account and Region, and one way to say which instances there.

    Without ``role_arn`` it is read as whoever runs the function, in the function's own account.
    """

    account_id: str
    region: str
    role_arn: str | None = None
    external_id: str | None = None
    selection: Selection | None = None
    parameter: str | None = None
    selector: tuple[tuple[str, tuple[str, ...]], ...] = ()
    slice: Slice = Slice()

    def as_dict(self) -> dict[str, Any]:
        """The JSON that ``parse_target`` reads."""
        bounds = {"from": self.slice.start, "before": self.slice.before}
        whole = {
            "account_id": self.account_id,
            "region": self.region,
            "role_arn": self.role_arn,
            "external_id": self.external_id,
            **_named(self.selection),
            "parameter": self.parameter,
            "selector": {name: list(values) for name, values in self.selector},
            "slice": {key: bound for key, bound in bounds.items() if bound is not None},
        }
        return {key: value for key, value in whole.items() if value}


def _named(selection: Selection | None) -> dict[str, list[str]]:
    """The key of a target for ``selection``."""
    if selection is None:
        return {}
    plain = not (selection.asks_ec2 or selection.exclude)
    return {"instance_ids" if plain else "instances": selection.items}


def parse_target(value: object, where: str = "target") -> Target:
    """The target that a JSON object describes. Raises ConfigurationError, which names ``where``."""
    keys = fields.checked(where, fields.mapping(where, value, WHAT), _FIELDS)
    for needed in ("account_id", "region"):
        if needed not in keys:
            raise fields.invalid(f"{where}.{needed}", None, _KEYS[needed])
    account_id, role_arn = keys["account_id"], keys.get("role_arn")
    if role_arn is not None and role_arn.split(":")[4] != account_id:
        raise ConfigurationError(
            f"{where}.role_arn {role_arn} is not a role of account {account_id}.",
            "Correct account_id or the role's ARN.",
        )
    if "external_id" in keys and role_arn is None:
        raise ConfigurationError(
            f"{where} has an external_id and no role_arn.", "An external id goes with a role."
        )
    if sum(key in keys for key in _CHOICES) != 1:
        raise ConfigurationError(
            f"{where} must say in one way which instances it means.",
            f"Give exactly one of {', '.join(_CHOICES)}.",
        )
    named = keys.pop("instances", None), keys.pop("instance_ids", None)
    return Target(selection=named[0] or named[1], **keys)


def ids_of(key: str, value: object) -> Selection:
    """A JSON list of instance ids. Raises ConfigurationError."""
    if not isinstance(value, list):
        raise fields.invalid(key, value, _KEYS["instance_ids"])
    return parse_ids(value, where=key)


def items_of(key: str, value: object) -> Selection:
    """A JSON list of items, as in the SSM parameter. Raises ConfigurationError."""
    if not isinstance(value, list):
        raise fields.invalid(key, value, ITEMS)
    return parse_items(value, where=key)


def _selector(key: str, value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    filters = fields.mapping(key, value, _KEYS["selector"])
    for values in filters.values():
        if not (isinstance(values, list) and values and all(isinstance(v, str) for v in values)):
            raise fields.invalid(key, value, _KEYS["selector"])
    if not filters:
        raise fields.invalid(key, value, _KEYS["selector"])
    return tuple((name, tuple(values)) for name, values in filters.items())


def _slice(key: str, value: object) -> Slice:
    bounds = fields.mapping(key, value, _KEYS["slice"])
    if not bounds or not bounds.keys() <= {"from", "before"}:
        raise fields.invalid(key, value, _KEYS["slice"])
    parse_ids(bounds.values(), where=key)
    return Slice(bounds.get("from"), bounds.get("before"))


_FIELDS: Mapping[str, fields.Check] = {
    **{key: partial(fields.text, form=form, takes=_KEYS[key]) for key, form in _FORMS.items()},
    "instances": items_of,
    "instance_ids": ids_of,
    "selector": _selector,
    "slice": _slice,
}
