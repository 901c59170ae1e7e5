"""What a check says, and several of them side by side, none of which stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import Any

from ingest_fn.errors import IngestError, UnexpectedError, printable


class Status(StrEnum):
    """How it is with what was checked. A warning stops no run."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the answer. ``hint`` says what to do, None where nothing is to be done."""

    name: str
    status: Status
    message: str
    hint: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The shape of ``--json``."""
        return {
            "name": self.name,
            "status": self.status.value,
            "message": self.message,
            "hint": self.hint,
        }


Probe = Callable[[], Iterable[Check]]
"""Looks at something and says what it is like; what it raises is an answer too."""


def good(name: str, message: str) -> Check:
    """All is well."""
    return Check(name, Status.OK, printable(message, 500))


def doubtful(name: str, message: str, hint: str) -> Check:
    """A run works, but not as it might."""
    return Check(name, Status.WARNING, printable(message, 500), printable(hint, 300))


def bad(name: str, error: Exception) -> Check:
    """A run would fail, for the reason in ``error``."""
    known = error if isinstance(error, IngestError) else UnexpectedError(error)
    return Check(name, Status.WRONG, known.message, known.hint or None)


def alone(name: str, probe: Probe) -> list[Check]:
    """What ``probe`` says, up to the error that ended it, if any, under ``name``."""
    said: list[Check] = []
    try:
        said.extend(probe())
    except Exception as error:  # noqa: BLE001  one failing check never stops the others
        said.append(bad(name, error))
    return said


def together(probes: Mapping[str, Probe], seconds: float) -> list[Check]:
    """What ``probes`` say, in their order, each in a thread; nobody waits beyond ``seconds``."""
    end = monotonic() + seconds
    answers: dict[str, Queue[list[Check]]] = {name: Queue() for name in probes}
    for name, probe in probes.items():
        answer = answers[name]

        def attempt(name: str = name, probe: Probe = probe, into: Any = answer) -> None:
            into.put(alone(name, probe))

        Thread(target=attempt, name=f"doctor {name}", daemon=True).start()
    return [check for name in probes for check in _in_time(name, answers[name], end, seconds)]


def _in_time(name: str, answer: Queue[list[Check]], end: float, seconds: float) -> list[Check]:
    try:
        return answer.get(timeout=max(0.05, end - monotonic()))
    except Empty:
        message = f"No answer came within {seconds:.0f} seconds."
        hint = "Check the way there: security groups, routes, endpoints, a proxy; and locks."
        return [Check(name, Status.WRONG, message, hint)]
