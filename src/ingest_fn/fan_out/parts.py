"""Cut targets into parts that are small enough for one run of the function."""

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
"""The seconds that a part may wait for CloudWatch's quota, of the 900 that a function has."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One part: a target, its number of instances (None: not known), and its share of the quota."""

    target: Target
    expected: int | None
    quota_share: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the state machine passes to the map."""
        return {
            "target": self.target.as_dict(),
            "expected": self.expected,
            "quota_share": self.quota_share,
        }


def largest_part(window: Window, *, most: int, at_once: int) -> int:
    """How many instances a part may have: ``most``, or fewer if the window is long.

    ``at_once`` parts of one account and Region may run at the same time and share its quota.
    """
    points = len(DEFAULT) * window.hour_count
    by_quota = SECONDS_A_PART * DATAPOINTS_A_SECOND * QUOTA_SHARE / at_once / points
    return max(1, min(most, int(by_quota)))


def cut(target: Target, instance_ids: Sequence[str], most: int) -> list[Planned]:
    """Parts of at most ``most`` of the sorted ``instance_ids``; none if there are no ids.

    Together they cover the target's slice without gap or overlap, also for ids that come later.
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
    """The same parts, each with its share of the quota of its account and Region."""
    parts = list(parts)
    neighbours = Counter((part.target.account_id, part.target.region) for part in parts)
    return [
        replace(
            part,
            quota_share=1 / min(at_once, neighbours[part.target.account_id, part.target.region]),
        )
        for part in parts
    ]
