"""Which instances are meant: one grammar for the SSM parameter, ``AWS_INSTANCE_IDS`` and events.

A selection is a list of items, separated by commas or white space, or a JSON array of items:

- ``i-0123456789abcdef0``: that instance
- ``all``: every instance of the Region and account
- ``tag:Key=Value`` or ``tag:Key``: by tag; ``*`` and ``?`` in the value are EC2's wildcards
- ``tag:A=x&tag:B=y``: both; ``&`` joins only where ``tag:`` follows
- ``!item``: without these; exclusions win; exclusions alone mean ``all`` without these
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ingest_fn.errors import ConfigurationError
from ingest_fn.request import fields

INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
ITEMS = "a list of items: instance ids, all, tag:Key=Value, tag:Key, or any of these after a !"

MAX_TAG_ITEMS = 50
"""Each is a call of DescribeInstances, or several, in every run."""

MAX_TAGS_JOINED = 20
MAX_KEY, MAX_VALUE = 128, 256
"""What a tag may have (EC2's user guide, tag restrictions)."""

_SEPARATORS = re.compile(r"[\s,]+")
_JOINT = re.compile(r"&(?=tag:)")
_ID_FORM = "An EC2 instance id is i- and 8 or 17 hexadecimal digits, as in i-0123456789abcdef0."
_ITEM_FORM = f"{_ID_FORM[:-1]}; other items are all, tag:Key=Value, tag:Key, and any after a !."


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    """One tag that an instance must have; ``value`` None: with any value."""

    key: str
    value: str | None = None

    def __str__(self) -> str:
        return f"tag:{self.key}" if self.value is None else f"tag:{self.key}={self.value}"


Tags = tuple[Tag, ...]
"""Tags that an instance must have together."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One side of a selection: what it names, each once, in the order given."""

    ids: tuple[str, ...] = ()
    everything: bool = False
    tags: tuple[Tags, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ids or self.everything or self.tags)

    def __or__(self, other: Self) -> Terms:
        return Terms(
            tuple(dict.fromkeys(self.ids + other.ids)),
            self.everything or other.everything,
            tuple(dict.fromkeys(self.tags + other.tags)),
        )

    @property
    def items(self) -> list[str]:
        """The items that these terms were written as."""
        joined = ["&".join(map(str, tags)) for tags in self.tags]
        return [*(["all"] if self.everything else []), *joined, *self.ids]


@dataclass(frozen=True, slots=True)
class Selection:
    """The instances of ``include`` without those of ``exclude``."""

    include: Terms = Terms()
    exclude: Terms = Terms()

    def __or__(self, other: Self) -> Selection:
        """Both together; what either excludes stays out."""
        return Selection(self.include | other.include, self.exclude | other.exclude)

    @property
    def everything(self) -> bool:
        """Whether all instances are meant, but for the excluded ones."""
        return self.include.everything or not self.include

    @property
    def asks_ec2(self) -> bool:
        """Whether an item needs EC2 to say which instances it means."""
        return self.everything or bool(self.include.tags or self.exclude.tags)

    @property
    def items(self) -> list[str]:
        """The items that parse back into this selection."""
        return [*self.include.items, *(f"!{item}" for item in self.exclude.items)]


def parse_selection(text: str, *, where: str) -> Selection:
    """The selection written in ``text``; ``where`` names the source in an error.

    Raises ConfigurationError for text without an item and for the first malformed one.
    """
    start = text.lstrip()[:1]
    if start == "{":
        raise ConfigurationError(
            f"{where} holds a JSON object and no list of instances.", f"Write {ITEMS}."
        )
    if start != "[":
        return parse_items([item for item in _SEPARATORS.split(text) if item], where=where)
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise ConfigurationError(
            f"{where} starts like a JSON array but is not one ({reason}).",
            "Write items separated by commas, or valid JSON.",
        ) from error
    return parse_items(values, where=where)


def parse_items(values: Iterable[object], *, where: str) -> Selection:
    """The selection of ``values``, one item each. Raises ConfigurationError as above."""
    sides: tuple[_Side, _Side] = (_Side(), _Side())
    for number, value in enumerate(values, 1):
        excluded = isinstance(value, str) and value.startswith("!")
        if not isinstance(value, str) or not sides[excluded].take(value.removeprefix("!")):
            raise ConfigurationError(
                f"{where} holds {fields.quoted(value)} (item {number}), which is no instance id "
                "and no other item.",
                _ITEM_FORM,
            )
    selection = Selection(*(side.terms() for side in sides))
    if not (selection.include or selection.exclude):
        raise ConfigurationError(f"{where} holds no instance ids.", "Give at least one, or all.")
    return bounded(selection, where)


def parse_ids(values: Iterable[object], *, where: str) -> Selection:
    """The selection of plain instance ids and nothing else. Raises ConfigurationError."""
    ids: dict[str, None] = {}
    for number, value in enumerate(values, 1):
        if not isinstance(value, str) or not INSTANCE_ID.fullmatch(value):
            raise ConfigurationError(
                f"{where} holds {fields.quoted(value)} (item {number}), which is no instance id.",
                _ID_FORM,
            )
        ids[value] = None
    if not ids:
        raise ConfigurationError(f"{where} holds no instance ids.", "Give at least one.")
    return Selection(Terms(tuple(ids)))


def bounded(selection: Selection, where: str) -> Selection:
    """The selection itself. Raises ConfigurationError where its tags take too many calls."""
    count = len(selection.include.tags) + len(selection.exclude.tags)
    if count > MAX_TAG_ITEMS:
        raise ConfigurationError(
            f"{where} holds {count} items of tags, each a question to EC2 in every run.",
            f"It takes {MAX_TAG_ITEMS}. Give the instances one tag in common.",
        )
    return selection


class _Side:
    """The terms of one side, while they are collected."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._tags: dict[Tags, None] = {}
        self._everything = False

    def take(self, item: str) -> bool:
        """Whether ``item`` is well formed; then it counts."""
        if INSTANCE_ID.fullmatch(item):
            self._ids[item] = None
        elif item == "all":
            self._everything = True
        elif (tags := _tags(item)) is not None:
            self._tags[tags] = None
        else:
            return False
        return True

    def terms(self) -> Terms:
        return Terms(tuple(self._ids), self._everything, tuple(self._tags))


def _tags(item: str) -> Tags | None:
    tags: dict[Tag, None] = {}
    for part in _JOINT.split(item):
        key, equals, value = part.removeprefix("tag:").partition("=")
        if not part.startswith("tag:") or not 0 < len(key) <= MAX_KEY or len(value) > MAX_VALUE:
            return None
        if "\0" in part:
            return None
        tags[Tag(key, value if equals else None)] = None
    return tuple(tags) if len(tags) <= MAX_TAGS_JOINED else None
