"""What can go wrong, in the words a user reads.

Every message says what was wrong and where; ``hint`` says what to do about it.
Neither ever holds a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest_fn.pipeline.result import RunResult


_USER_INFO = re.compile(r"(//)[^\s\"']*@")

LONGEST_MESSAGE, LONGEST_HINT = 690, 300
"""Characters. Together with the blank between them they stay below a thousand."""


def printable(text: object, most: int = 200) -> str:
    """Foreign text as it may be shown anywhere: one line, at most ``most`` characters.

    Whatever is no printable character is escaped: control characters would reach a terminal,
    marks of direction would turn a line around, and half of a surrogate pair breaks an encoder.
    """
    line = str(text)
    cut = line[: most + 1]
    if "//" in cut:
        # Cut or not: what stands between // and @ may be a password.
        cut = _USER_INFO.sub(r"\1…@", line[: most + 1_000])[: most + 1]
    if not cut.isprintable():
        cut = "".join(map(_shown, cut))
    return cut if len(cut) <= most else cut[: most - 1] + "…"


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in "\n\r\t" else character.encode("unicode_escape").decode()


class IngestError(Exception):
    """The base of every error this package raises on purpose.

    Whatever stands in ``message`` and ``hint`` is printable and short, see ``printable``.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = printable(message, LONGEST_MESSAGE)
        self.hint = printable(hint, LONGEST_HINT)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class ConfigurationError(IngestError):
    """A setting, credential or permission is wrong: no retry will help."""


class EventError(ConfigurationError):
    """The event is not one the ingester takes: refused before anything is fetched."""


class AccessDeniedError(ConfigurationError):
    """AWS refused an action for want of a permission or of valid credentials."""


class SchemaError(ConfigurationError):
    """The database answers, but its tables are missing or out of date."""


class AwsError(IngestError):
    """A call to AWS failed, for what it was asked for alone; a later run may succeed."""


class UnexpectedError(IngestError):
    """Something that nobody thought of; its own error is the cause."""

    def __init__(self, error: BaseException) -> None:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        super().__init__(
            f"Something unexpected happened ({printable(what, 400)}).",
            "Please report it, with what was asked.",
        )


class StoreError(IngestError):
    """Postgres refused a write; the rows of that batch were rolled back."""


class StoreBusyError(StoreError):
    """Postgres did not do the work in the time that was left: a lock, a stall, or sheer load."""


class StoreUnreachableError(StoreError):
    """Postgres cannot be reached or refuses the login: no further batch can be stored."""


class IncompleteRunError(IngestError):
    """The run kept what it got, but not every instance was read and stored."""

    def __init__(self, result: RunResult) -> None:
        super().__init__(result.summary(), "The next run reads the same hours again.")
        self.result = result
