"""What must hold after every step, whatever was wrong during it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.schedule import Schedule, Step
from tests.chaos.truth import Table, Truth, lost
from tests.chaos.values import WHOLE

LEAST_LEFT = 2.0
"""Seconds before its deadline by which the handler has answered."""

LONGEST_SENTENCE = 1_000
LONGEST_LINE = 262_000
"""Bytes of one log event: CloudWatch Logs takes 256 KiB with 26 bytes of its own."""

BATCH = 100
Said = dict[str, Any] | None


@dataclass(frozen=True)
class Seen:
    """All that one step left behind."""

    step: Step
    schedule: Schedule
    invocations: Sequence[tuple[Said, str, str]]
    """Of each function: what the handler gave, its stdout, its stderr."""
    before: Table
    after: Table
    truth: Truth
    window: tuple[int, int]
    ledger: Sequence[Mapping[str, Any]]
    calls: int
    fired: Counter[str]
    excused: frozenset[str]
    markers: tuple[str, ...]
    held: Sequence[str]
    clean: bool


def after_step(seen: Seen) -> Iterator[str]:
    """Every violation, as a sentence that starts with its kind."""
    yield from _values(seen)
    for said, out, err in seen.invocations:
        yield from _answer(seen, said)
        yield from _log(said, out, err)
    yield from _truth(seen)
    yield from _ledger(seen)
    for what in seen.held:
        yield f"held: {what}"
    yield from _secrets(seen)
    if seen.clean:
        yield from _clean(seen)


def _values(seen: Seen) -> Iterator[str]:
    for what in seen.truth.strangers(seen.after)[:3]:
        yield f"wrong value: {what}"
    for what in lost(seen.before, seen.after)[:3]:
        yield f"lost: {what}"
    kinds = [fault for fault in seen.step.faults if fault.place == "value"]
    if kinds and len(kinds) == len(seen.step.faults):
        wide = seen.schedule.api == "metric-data" and any(f.kind in WHOLE for f in kinds)
        most = sum(seen.fired.values()) * (BATCH if wide else 1)
        wrong = seen.truth.wrong(seen.after, *seen.window)
        if len(wrong) > most:
            example = next(iter(wrong.items()))
            yield f"neighbours: {len(wrong)} instances wrong for {most} spoiled: {example}"


def _answer(seen: Seen, said: Said) -> Iterator[str]:
    if said is None:
        if "killed" not in seen.excused:
            yield "died: the process ended without an answer"
        return
    if said.get("overdue"):
        yield "overdue: no answer until killed, two seconds after the deadline"
        return
    if said["left"] < LEAST_LEFT:
        yield f"late: answered {said['left']:.2f} s before the deadline"
    if "error" not in said:
        return
    if not said["ours"]:
        last = said["traceback"].strip().splitlines()[-1][:200]
        yield f"foreign error: {said['error']}: {said['message'][:200]} ({last})"
        return
    if len(said["message"]) > LONGEST_SENTENCE:
        yield f"long: an error of {len(said['message'])} characters"
    if not said["message"].isprintable():
        yield f"unprintable: {said['message'][:300]!r}"


def _log(said: Said, out: str, err: str) -> Iterator[str]:
    if "Traceback" in err:
        yield f"stderr: a traceback: ...{err.strip()[-300:]}"
    lines = out.splitlines()
    for line in lines:
        if len(line.encode()) > LONGEST_LINE:
            yield f"log: a line of {len(line):,} characters"
    if said is None or said.get("overdue"):
        return
    messages = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            yield f"log: no JSON: {line[:200]}"
            continue
        if "message" in entry:
            messages.append(entry["message"])
    closing = [m for m in messages if m in {"run finished", "run refused", "run failed"}]
    if len(closing) != 1:
        yield f"log: {len(closing)} closing lines ({messages[:5]})"


def _results(seen: Seen) -> Iterator[dict[str, Any]]:
    for said, _, _ in seen.invocations:
        result = said and (said.get("result") or None)
        if result:
            yield result


def _truth(seen: Seen) -> Iterator[str]:
    for result in _results(seen):
        counts = result["instances"]
        total = sum(counts.get(name, 0) for name in ("ok", "empty", "partial", "failed", "not_due"))
        if counts["requested"] != total:
            yield f"unbalanced: {counts}"
        if result.get("failures_not_listed"):
            continue
        failed = {failure["instance_id"] for failure in result["failures"]}
        wrong = seen.truth.wrong(seen.after, *seen.window)
        hidden = [(id_, why) for id_, why in wrong.items() if id_ not in failed]
        # Of two at once one may have read what the service said before it was revised.
        if hidden and not seen.step.twins:
            yield f"hidden: {len(hidden)} instances are not whole, unsaid: {hidden[0]}"
        for failure in result["failures"]:
            if not failure["reason"].isprintable() or len(failure["reason"]) > LONGEST_SENTENCE:
                yield f"unprintable reason: {failure['reason'][:200]!r}"


def _ledger(seen: Seen) -> Iterator[str]:
    for row in seen.ledger:
        if row["status"] == "running" and "ledger" not in seen.excused:
            yield "ledger: a row stays at running"
        size = len(json.dumps(row))
        if size > LONGEST_LINE:
            yield f"ledger: a row of {size:,} characters"
    results = list(_results(seen))
    if seen.step.twins or len(results) != 1 or "counts" in seen.excused:
        return
    (result,) = results
    inserted = len(seen.after) - len(seen.before)
    if result["rows"]["inserted"] != inserted and not result["dry_run"] and inserted >= 0:
        yield f"counts: {result['rows']['inserted']} rows inserted, in truth {inserted}"
    calls = result["cloudwatch"]["calls"]
    troubled = any(f.place in {"cloudwatch", "value"} for f in seen.step.faults)
    if (seen.calls > 0) != (calls > 0) or (not troubled and calls != seen.calls):
        yield f"counts: {calls} calls to CloudWatch, in truth {seen.calls}"
    for row in seen.ledger:
        if row["run_id"] == result["run_id"] and row["status"] not in {"running", result["status"]}:
            yield f"ledger: {row['status']}, where the result says {result['status']}"


def _secrets(seen: Seen) -> Iterator[str]:
    shown = [json.dumps(seen.ledger)]
    for said, out, err in seen.invocations:
        shown += [json.dumps(said), out, err]
    for marker in seen.markers:
        for text in shown:
            if marker in text:
                at = text.index(marker)
                yield f"secret: ...{text[max(0, at - 80) : at + 20]}"
                return


def _clean(seen: Seen) -> Iterator[str]:
    said = seen.invocations[0][0]
    if said is None or "error" in said or said.get("overdue"):
        yield f"no recovery: {said and (said.get('message') or 'overdue')!r:.400}"
    elif said["result"]["status"] != "ok":
        yield f"no recovery: {said['result']['status']}: {said['result']['failures'][:1]}"
    wrong = seen.truth.wrong(seen.after, *seen.window)
    if wrong:
        yield f"no recovery: {len(wrong)} instances differ: {next(iter(wrong.items()))}"
