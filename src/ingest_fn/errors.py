"""What can go wrong, in the words a user reads.

Every message says what was wrong and where; ``hint`` says what to do about it.
Neither ever holds a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest_fn.pipeline.result import RunResult


class IngestError(Exception):
    """The base of every error this package raises on purpose."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

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
