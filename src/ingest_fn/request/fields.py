"""Values out of an event, a parameter or a variable: taken as they should be, or refused by name.

Every check is a function of a key and a value. It returns the value as the program wants it and
raises ConfigurationError, which names the key, shows the value shortened, and says what the key
takes. ``checked`` applies a table of such checks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from json import JSONEncoder
from typing import Any

from ingest_fn.errors import ConfigurationError

Check = Callable[[str, object], Any]
"""A key and a value in, the value as the program wants it out. Raises ConfigurationError."""

SHOWN = 200
"""Characters of a value that a message repeats."""

TIMESTAMP = "an ISO 8601 time with its offset, as in 2026-11-23T10:15:00Z"
BOOLEAN = "true or false"

_SEARCHED = 10 * SHOWN
"""Characters that are searched for a secret before any is shown."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_LOGIN = re.compile(r"[^\s:@/]+:[^\s@]+@")
_NAMED_SECRET = re.compile(r"(?i)passw|pwd|secret|token|credential|private.?key|api.?key")
_RANDOM = re.compile(r"[A-Za-z0-9+/_=]{24,}")
_ACCESS_KEY = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,}")


def invalid(key: str, value: object, takes: str) -> ConfigurationError:
    """The error for a ``value`` that ``key`` does not take."""
    return ConfigurationError(f"{key} is {shown(value)}.", f"It takes {takes}.")


def shown(value: object) -> str:
    """Any value as JSON on one line of about ``SHOWN`` characters.

    Control characters, marks that turn the direction of text, and halves of characters are
    escaped. Of what may be a secret only the form is shown.
    """
    try:
        text = "".join(islice(_ENCODER.iterencode(value), SHOWN))
    except (RecursionError, TypeError, ValueError):
        return f"a {type(value).__name__} that cannot be shown"
    return _secret(text[:_SEARCHED]) or printable(text)


def quoted(value: object) -> str:
    """The same, with text between single quotes."""
    shape = shown(value)
    return "'" + shape.strip('"') + "'" if shape.startswith('"') else shape


def printable(text: str) -> str:
    """``text`` with everything escaped that is not a printable character, cut to a line."""
    cut = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)


def _secret(text: str) -> str | None:
    """What to call a text that nobody should read in a log; None where it is harmless."""
    if url := _URL.search(text):
        return f"a URL ({url[1].lower()}://…)"
    if _LOGIN.search(text) or _NAMED_SECRET.search(text) or _ACCESS_KEY.search(text):
        return f"text that may hold a secret ({len(text)} characters)"
    for run in _RANDOM.findall(text):
        kinds = (any(map(test, run)) for test in (str.islower, str.isupper, str.isdigit))
        if all(kinds):
            return f"text that may be a secret ({len(text)} characters)"
    return None


_ENCODER = JSONEncoder(ensure_ascii=False, default=repr)


def known_keys(what: str, given: Iterable[object], known: Iterable[str]) -> None:
    """Raise ConfigurationError for the first of ``given`` that is not ``known``."""
    names = list(known)
    for key in given:
        if key not in names:
            raise ConfigurationError(
                f"{what} has an unknown key '{printable(str(key))}'.",
                f"It takes {', '.join(names)}.",
            )


def checked(what: str, given: Mapping[str, object], table: Mapping[str, Check]) -> dict[str, Any]:
    """The values of ``given``, each through the check of its key in ``table``.

    ``what`` (``The event``, ``target``) names the whole. Raises ConfigurationError for an unknown
    key and for a value that its check refuses.
    """
    known_keys(what, given, table)
    prefix = "" if " " in what else f"{what}."
    return {key: table[key](f"{prefix}{key}", value) for key, value in given.items()}


def mapping(key: str, value: object, takes: str) -> Mapping[str, Any]:
    """A JSON object. Raises ConfigurationError."""
    if not isinstance(value, Mapping):
        raise invalid(key, value, takes)
    return value


def timestamp(key: str, value: object) -> datetime:
    """An aware time, in UTC. Raises ConfigurationError."""
    if not isinstance(value, str):
        raise invalid(key, value, TIMESTAMP)
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(key, value, TIMESTAMP) from error
    raise invalid(key, value, TIMESTAMP)


def integer(key: str, value: object, least: int, most: int, takes: str = "") -> int:
    """A whole number from ``least`` to ``most``. Raises ConfigurationError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(key, value, takes or f"a whole number from {least} to {most}")
    return value


def integer_text(key: str, value: str, least: int, most: int) -> int:
    """A whole number from ``least`` to ``most``, written in digits. Raises ConfigurationError."""
    short = len(value) <= len(str(most)) and value.isascii() and value.isdigit()
    return integer(key, int(value) if short else value, least, most)


def number(key: str, value: object, over: float, most: float, takes: str = "") -> float:
    """A number over ``over``, at most ``most``. Raises ConfigurationError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not over < value <= most:
        raise invalid(key, value, takes or f"a number over {over}, at most {most}")
    return value


def boolean(key: str, value: object) -> bool:
    """True or false. Raises ConfigurationError."""
    if not isinstance(value, bool):
        raise invalid(key, value, BOOLEAN)
    return value


def text(key: str, value: object, form: re.Pattern[str], takes: str) -> str:
    """Text that ``form`` matches whole. Raises ConfigurationError."""
    if not isinstance(value, str) or not form.fullmatch(value):
        raise invalid(key, value, takes)
    return value


def choice(key: str, value: object, *choices: str) -> str:
    """One of ``choices``. Raises ConfigurationError."""
    if not isinstance(value, str) or value not in choices:
        raise invalid(key, value, " or ".join((", ".join(choices[:-1]), choices[-1])))
    return value
