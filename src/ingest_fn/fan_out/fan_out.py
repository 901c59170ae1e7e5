"""What comes before and after the map of the state machine, on real parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from textwrap import shorten
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ingest_fn import settings
from ingest_fn.discovery.resolve import resolve_target
from ingest_fn.errors import ConfigurationError, EventError, IncompleteRunError, IngestError
from ingest_fn.fan_out.parts import Planned, cut, largest_part, with_quota
from ingest_fn.fan_out.summary import FanOutResult
from ingest_fn.fan_out.targets import read_targets
from ingest_fn.pipeline.model import Api, Window, zulu
from ingest_fn.pipeline.result import RunInfo
from ingest_fn.request.event import parse_event
from ingest_fn.request.target import Target
from ingest_fn.wiring import Parts

MAX_PLAN_BYTES = 250_000
"""A state of Step Functions holds 256 KiB, including what its Lambda integration adds."""

_TARGETS_AT_ONCE = 8
_UNRESOLVED_SHOWN = 20
_REASON_LENGTH = 300


class FanOut:
    """Settings, AWS clients and the ledger, kept from one event to the next."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read the settings of ``env``; nothing is contacted. Raises ConfigurationError."""
        self._parts = Parts(env)
        self._settings, self._ledger = self._parts.settings, self._parts.ledger()
        self._limits = settings.fan_out(env)

    def plan(self, event: object, *, execution: str, started_at: str, home: str) -> dict[str, Any]:
        """Plan the parts that the map will run, and open the row of the whole in the ledger.

        ``execution`` and ``started_at`` stay the same when the step is retried, so the plan does
        too. ``home`` is the function's own account.

        Raises EventError, ConfigurationError, AccessDeniedError, StoreUnreachableError; nothing
        has run then. A target whose instances cannot be listed raises nothing: it becomes one
        part, whose run is refused in the same way and reports it.
        """
        now = datetime.fromisoformat(started_at)
        lookback_hours = self._settings.reach.lookback
        request = parse_event(event, now=now, lookback_hours=lookback_hours)
        if request.target or request.selection or request.part:
            raise EventError(
                "A fan-out takes no instances, target or part_of.",
                "Its targets are those of the SSM parameter that TARGETS_PARAMETER names.",
            )
        targets = read_targets(
            self._parts.home.make("ssm"), self._limits.targets_parameter, home=home
        )
        parts, unresolved = self._planned(targets, request.window, now)
        plan = {
            "run_id": str(uuid5(NAMESPACE_URL, execution)),
            "trigger": request.trigger,
            "dry_run": request.dry_run,
            "start": zulu(request.window.start),
            "end": zulu(request.window.end),
            "max_parts_at_once": self._limits.max_parts_at_once,
            "parts": [part.as_dict() for part in parts],
            "unresolved": unresolved[:_UNRESOLVED_SHOWN],
        }
        size = len(json.dumps(plan))
        if size > MAX_PLAN_BYTES:
            raise ConfigurationError(
                f"The plan of {len(parts)} parts takes {size} bytes, and a state of Step Functions "
                f"holds {MAX_PLAN_BYTES}.",
                "Raise MAX_INSTANCES_PER_PART, shorten the window, name instances by parameter or "
                "tag, or divide the targets among several state machines.",
            )
        if not request.dry_run:
            requested = sum(part.expected or 0 for part in parts)
            self._ledger.begin(self._new_result(plan, requested).run)
        return plan

    def summarise(self, plan: Mapping[str, Any]) -> FanOutResult:
        """Add up the rows of the parts of ``plan`` in the ledger, and close the row of the whole.

        Then raises IncompleteRunError if a part is incomplete or has no row.
        """
        result = self._new_result(plan, 0)
        seen = self._ledger.parts(plan["run_id"])
        for number, planned in enumerate(plan["parts"]):
            result.count(number, planned, seen.get(number))
        self._ledger.finish(result)
        if result.status != "ok":
            raise IncompleteRunError(result)
        return result

    def _planned(
        self, targets: Sequence[Target], window: Window, now: datetime
    ) -> tuple[list[Planned], list[dict[str, str]]]:
        """The parts of all targets, and the targets whose instances could not be listed."""
        limits, unresolved = self._limits, list[dict[str, str]]()
        most = largest_part(
            window, most=limits.max_instances_per_part, at_once=limits.max_parts_at_once
        )

        def parts_of(target: Target) -> list[Planned]:
            try:
                clients = self._parts.accounts.clients(target)
                found = resolve_target(target, clients, window, now=now)
                return cut(target, found.instance_ids, most)
            except IngestError as error:
                unresolved.append(
                    {
                        "account_id": target.account_id,
                        "region": target.region,
                        "reason": shorten(error.message, _REASON_LENGTH, placeholder="..."),
                    }
                )
                return [Planned(target, None)]

        with ThreadPoolExecutor(_TARGETS_AT_ONCE, thread_name_prefix="target") as pool:
            parts = [part for found in pool.map(parts_of, targets) for part in found]
        return with_quota(parts, at_once=limits.max_parts_at_once), unresolved

    def _new_result(self, plan: Mapping[str, Any], requested: int) -> FanOutResult:
        start, end = (datetime.fromisoformat(plan[side]) for side in ("start", "end"))
        run = RunInfo(
            run_id=plan["run_id"],
            trigger=plan["trigger"],
            region=self._settings.region,
            window=Window(start, end),
            dry_run=plan["dry_run"],
            api=self._settings.api or Api.METRIC_DATA,
            requested=requested,
        )
        return FanOutResult(run, self._settings.runs_a_month)

    def close(self) -> None:
        """Close the database connections."""
        self._parts.close()
