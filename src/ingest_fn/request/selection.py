"""Instance ids out of text: the SSM parameter's value, or ``AWS_INSTANCE_IDS``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ingest_fn.errors import ConfigurationError

_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_SEPARATORS = re.compile(r"[\s,]+")
_FORM = "An EC2 instance id is i- and 8 or 17 hexadecimal digits, as in i-0123456789abcdef0."


def parse_ids(text: str, *, where: str) -> tuple[str, ...]:
    """Instance ids separated by commas or white space, or a JSON array of them, each once.

    ``where`` names the source in an error. Raises ConfigurationError for a malformed id or JSON.
    """
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ConfigurationError(
                f"{where} starts like a JSON array but is not one ({error}).",
                "Write ids separated by commas, or valid JSON.",
            ) from error
    else:
        values = [value for value in _SEPARATORS.split(text) if value]
    return checked_ids(values, where=where)


def checked_ids(values: Iterable[object], *, where: str) -> tuple[str, ...]:
    """The ids, each once, in the order fields. Raises ConfigurationError naming a malformed one."""
    ids = dict.fromkeys(_checked(value, where) for value in values)
    if not ids:
        raise ConfigurationError(f"{where} holds no instance ids.", "Give at least one.")
    return tuple(ids)


def _checked(value: object, where: str) -> str:
    if not isinstance(value, str) or not _INSTANCE_ID.fullmatch(value):
        raise ConfigurationError(f"{where} holds {value!r}, which is no instance id.", _FORM)
    return value
