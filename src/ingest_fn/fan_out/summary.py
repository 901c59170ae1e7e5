"""The result of a whole fan-out, added up from the rows of its parts in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ingest_fn.pipeline.model import Cost, Outcome
from ingest_fn.pipeline.result import MAX_FAILURES_LISTED, Counts, RunResult

NEVER_SEEN = "It did not start: ingest_runs has no row for it."
KILLED = "It started but did not end: it ran out of time or memory."
_NAMED = 3
"""How many parts the error names. All are in the ledger."""

_WRITTEN = ("created", "inserted", "updated", "unchanged")


@dataclass(slots=True)
class FanOutResult(RunResult):
    """The result of a fan-out. Its failures are parts; those of a run are instances."""

    parts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("planned", "ok", "partial", "failed"), 0)
    )
    not_whole: list[dict[str, Any]] = field(default_factory=list)

    def count(
        self, number: int, planned: Mapping[str, Any], seen: Mapping[str, Any] | None
    ) -> None:
        """Add part ``number``, which was ``planned``. ``seen`` is its row in the ledger, if any."""
        reason, counts = _judged(planned["expected"] or 0, seen)
        status = "failed"
        if seen is not None:
            counts += Counts(**{name: seen[name] for name in _WRITTEN})
            self.cost += Cost(seen["calls"], seen["metrics_billed"])
            status = "failed" if seen["status"] == "running" else seen["status"]
        self.counts += counts
        self.run = replace(self.run, requested=self.counts.instances)
        self.parts["planned"] += 1
        self.parts[status] += 1
        if status != "ok":
            target = planned["target"]
            self.not_whole.append(
                {
                    "account_id": target["account_id"],
                    "region": target["region"],
                    "part": number,
                    "reason": reason,
                }
            )

    @property
    def status(self) -> str:
        """``ok``, ``partial`` if some part is incomplete, ``failed`` if every part has failed."""
        if not self.not_whole:
            return "ok"
        return "failed" if self.parts["failed"] == self.parts["planned"] else "partial"

    def summary(self) -> str:
        """One sentence about an incomplete fan-out, with the first parts and their reasons."""
        named = " ".join(
            f"{part['account_id']} {part['region']}: {part['reason']}"
            for part in self.not_whole[:_NAMED]
        )
        return (
            f"{len(self.not_whole)} of {self.parts['planned']} parts were not wholly read and "
            f"stored (run {self.run.run_id}, {self.status}). First: {named}"
        )

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON: that of a run, with ``parts``, and with parts under ``failures``."""
        listed = self.not_whole[:MAX_FAILURES_LISTED]
        return RunResult.as_dict(self) | {
            "parts": dict(self.parts),
            "failures": listed,
            "failures_not_listed": len(self.not_whole) - len(listed),
        }


def _judged(expected: int, seen: Mapping[str, Any] | None) -> tuple[str | None, Counts]:
    """Why a part is incomplete (None: it is complete), and its instances by outcome."""
    if seen is None:
        return NEVER_SEEN, Counts(failed=expected)
    if seen["status"] == "running":
        return KILLED, Counts(failed=seen["requested"])
    if seen["status"] == "failed" and not seen["requested"]:
        return seen["reason"], Counts(failed=expected)
    return seen["reason"], Counts(**{outcome.value: seen[outcome.value] for outcome in Outcome})
