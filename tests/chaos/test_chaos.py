"""The short form of ``make chaos``: the schedules that need no long wait, on every server here."""

from __future__ import annotations

import warnings

from tests.chaos.play import play_all
from tests.chaos.schedule import CALM, make_schedule
from tests.chaos.servers import TARGETS, missing

SCHEDULES = 32


def test_nothing_is_wrong_lost_hidden_late_or_shown() -> None:
    targets = [target for target in TARGETS if missing(target) is None]
    for target in TARGETS:
        if reason := missing(target):
            print(f"No schedule was played on {target}. {reason}")
    calm = (
        seed
        for seed in range(1, 10_000)
        if all(step.seconds == CALM for step in make_schedule(seed).steps)
    )
    seeds = [next(calm) for _ in range(SCHEDULES)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reports = play_all(seeds, targets, jobs=4)
    assert len(reports) == len(seeds)
    assert [(r.target, r.schedule, r.violations) for r in reports if r.violations] == []
