"""Targets are cut into parts, each small enough for one run of the function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import Window
from ingest_fn.pipeline.plan import DATAPOINTS_A_SECOND, QUOTA_SHARE
from ingest_fn.request.target import Slice, Target

SECONDS_A_PART = 600
"""What a part may take by CloudWatch's quota alone, of the 900 seconds that a function has."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One part: a target, how many instances it has (None: nobody could say), its quota."""

    target: Target
    expected: int | None
    quota_share: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """The shape that the state machine hands on."""
        return {
            "target": self.target.as_dict(),
            "expected": self.expected,
            "quota_share": self.quota_share,
        }


def largest_part(window: Window, *, most: int, at_once: int) -> int:
    """How many instances a part may have: ``most``, or fewer where the window is long.

    The parts of one account and Region share its quota, ``at_once`` of them at a time.
    """
    points = len(DEFAULT) * window.hour_count
    by_quota = SECONDS_A_PART * DATAPOINTS_A_SECOND * QUOTA_SHARE / at_once / points
    return max(1, min(most, int(by_quota)))


def cut(target: Target, instance_ids: Sequence[str], most: int) -> list[Planned]:
    """Parts of at most ``most`` of the sorted ``instance_ids``, none where there are no ids.

    Together they cover the target's slice without gap or overlap, whichever ids it has later.
    """
    count = -(-len(instance_ids) // most)
    edges = [len(instance_ids) * k // count for k in range(count + 1)] if count else [0]
    bounds = [
        target.slice.start,
        *(instance_ids[edge] for edge in edges[1:-1]),
        target.slice.before,
    ]
    return [
        Planned(replace(target, slice=Slice(bounds[k], bounds[k + 1])), edges[k + 1] - edges[k])
        for k in range(count)
    ]


def with_quota(parts: Iterable[Planned], *, at_once: int) -> list[Planned]:
    """The parts, each with its share of the quota of its account and Region."""
    parts = list(parts)
    neighbours = Counter((part.target.account_id, part.target.region) for part in parts)
    return [
        replace(
            part,
            quota_share=1 / min(at_once, neighbours[part.target.account_id, part.target.region]),
        )
        for part in parts
    ]
