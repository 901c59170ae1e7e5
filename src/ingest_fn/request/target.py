"""A target: which instances to read in which account and Region, and in which role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ingest_fn.errors import ConfigurationError, EventError
from ingest_fn.request import fields
from ingest_fn.request.selection import checked_ids

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
    "instance_ids": "a list of EC2 instance ids",
    "parameter": "the name of an SSM parameter, or a path that ends in /",
    "selector": 'filters of DescribeInstances, as in {"tag:Name": ["web", "worker"]}',
    "slice": 'an id to start from, one to stop before, or both: {"from": "i-…", "before": "i-…"}',
}
_CHOICES = ("instance_ids", "parameter", "selector")
WHAT = "an object with account_id, region and one of instance_ids, parameter or selector"


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
            id_
            for id_ in instance_ids
            if (self.start is None or id_ >= self.start)
            and (self.before is None or id_ < self.before)
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
    instance_ids: tuple[str, ...] = ()
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
            "instance_ids": list(self.instance_ids),
            "parameter": self.parameter,
            "selector": {name: list(values) for name, values in self.selector},
            "slice": {key: id_ for key, id_ in bounds.items() if id_ is not None},
        }
        return {key: value for key, value in whole.items() if value}


def parse_target(value: object, where: str = "target") -> Target:
    """The target that a JSON object describes. Raises EventError, with ``where`` in its words."""
    keys = fields.mapping(where, value, WHAT)
    fields.known_keys(where, keys, _KEYS)
    account_id = _text(keys, "account_id", where)
    role_arn = _text(keys, "role_arn", where) if "role_arn" in keys else None
    if role_arn is not None and role_arn.split(":")[4] != account_id:
        raise EventError(
            f"{where}.role_arn {role_arn} is not a role of account {account_id}.",
            "Correct account_id or the role's ARN.",
        )
    if "external_id" in keys and role_arn is None:
        raise EventError(
            f"{where} has an external_id and no role_arn.", "An external id goes with a role."
        )
    if sum(key in keys for key in _CHOICES) != 1:
        raise EventError(
            f"{where} must say in one way which instances it means.",
            f"Give exactly one of {', '.join(_CHOICES)}.",
        )
    ids, selector, bounds = keys.get("instance_ids"), keys.get("selector"), keys.get("slice")
    return Target(
        account_id=account_id,
        region=_text(keys, "region", where),
        role_arn=role_arn,
        external_id=_text(keys, "external_id", where) if "external_id" in keys else None,
        instance_ids=ids_of(ids, f"{where}.instance_ids") if "instance_ids" in keys else (),
        parameter=_text(keys, "parameter", where) if "parameter" in keys else None,
        selector=_selector(selector, f"{where}.selector") if "selector" in keys else (),
        slice=_slice(bounds, f"{where}.slice") if "slice" in keys else Slice(),
    )


def ids_of(value: object, where: str) -> tuple[str, ...]:
    """A JSON list of instance ids, each once. Raises EventError."""
    if not isinstance(value, list):
        raise fields.invalid(where, value, _KEYS["instance_ids"])
    try:
        return checked_ids(value, where=where)
    except ConfigurationError as error:
        raise EventError(error.message, error.hint) from error


def _text(keys: Mapping[str, Any], key: str, where: str) -> str:
    value = keys.get(key)
    if not isinstance(value, str) or not _FORMS[key].fullmatch(value):
        raise fields.invalid(f"{where}.{key}", value, _KEYS[key])
    return value


def _selector(value: object, where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    filters = fields.mapping(where, value, _KEYS["selector"])
    for values in filters.values():
        if not (isinstance(values, list) and values and all(isinstance(v, str) for v in values)):
            raise fields.invalid(where, value, _KEYS["selector"])
    if not filters:
        raise fields.invalid(where, value, _KEYS["selector"])
    return tuple((name, tuple(values)) for name, values in filters.items())


def _slice(value: object, where: str) -> Slice:
    bounds = fields.mapping(where, value, _KEYS["slice"])
    if not bounds or not bounds.keys() <= {"from", "before"}:
        raise fields.invalid(where, value, _KEYS["slice"])
    ids_of(list(bounds.values()), where)
    return Slice(bounds.get("from"), bounds.get("before"))
