"""``python -m tests.chaos --seeds 1-500``: play the schedules of these seeds, on all servers.

Each seed names one schedule. A failing one is printed with what was injected and what was wrong;
the same seed alone (``--seeds 17``) plays it again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from queue import Empty
from typing import Any

from tests.chaos.schedule import ALL
from tests.chaos.servers import TARGETS, Home, make_home, missing, running_major
from tests.chaos.world import Report, running_world


def main() -> int:
    """Play, print, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", default="1-60", help="as in 1-500, or 17, or 1-9,40")
    parser.add_argument("--jobs", type=int, default=6, help="workers; most of them wait")
    parser.add_argument("--on", default=",".join(TARGETS), help=f"servers, of {', '.join(TARGETS)}")
    parser.add_argument("--every", action="store_true", help="each seed on each server")
    options = parser.parse_args()
    targets = []
    for target in options.on.split(","):
        if reason := missing(target):
            print(f"Nothing runs on {target}. {reason}")
        else:
            targets.append(target)
    begun = time.monotonic()
    reports = play_all(seeds_of(options.seeds), targets, options.jobs, every=options.every)
    return summary(reports, time.monotonic() - begun)


def seeds_of(text: str) -> list[int]:
    """The seeds of a list of numbers and ranges."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def play_all(
    seeds: list[int], targets: list[str], jobs: int, *, every: bool = False
) -> list[Report]:
    """The reports of all schedules; failing ones are printed as they come."""
    context = multiprocessing.get_context("spawn")
    todo: dict[str, list[int]] = {target: [] for target in targets}
    for seed in seeds:
        # A round of seeds meets each kind; the next round meets them on the next server.
        chosen = targets if every else [targets[(seed // len(ALL) + seed) % len(targets)]]
        for target in chosen:
            todo[target].append(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        folder.chmod(0o755)
        done: Any = context.Queue()
        workers = []
        majors = {
            major: stack.enter_context(running_major(major, folder / f"postgres-{major}"))
            for major in sorted({target.partition("+")[0] for target in targets})
        }
        queues: dict[str, Any] = {}
        for target in targets:
            queues[target] = context.Queue()
            for seed in todo[target]:
                queues[target].put(seed)
        for number in range(max(jobs, len(targets))):
            target = targets[number % len(targets)]
            if not todo[target]:
                continue
            home = make_home(majors[target.partition("+")[0]], f"chaos_{number}")
            arguments = home, target, folder / f"worker-{number}", queues[target], done
            worker = context.Process(target=work, args=arguments, daemon=True)
            worker.start()
            workers.append(worker)
        reports = []
        for _ in range(sum(map(len, todo.values()))):
            report = _next(done, workers)
            if report is None:
                print("A worker died; its schedules were not played.", flush=True)
                break
            reports.append(report)
            if report.violations:
                print(f"\n{report.target}, {report.schedule}", flush=True)
                for violation in report.violations:
                    print(f"    {violation}", flush=True)
        for worker in workers:
            worker.join(5)
            if worker.is_alive():
                worker.kill()
        return reports


def _next(done: Any, workers: list[Any]) -> Report | None:
    while True:
        try:
            report: Report = done.get(timeout=2)
        except Empty:
            if not any(worker.is_alive() for worker in workers):
                return None
        else:
            return report


def work(home: Home, target: str, folder: Path, seeds: Any, done: Any) -> None:
    """One worker: play what the queue has."""
    with running_world(home, target, folder) as world:
        while True:
            try:
                seed = seeds.get(timeout=0.5)
            except Empty:
                return
            try:
                done.put(world.play(seed))
            except Exception as error:  # noqa: BLE001  the harness's own fault is reported as one
                from traceback import format_exc

                said = f"harness: {error!r}\n{format_exc()}"
                done.put(Report(seed, target, [said], schedule=f"seed {seed}"))
                return


def summary(reports: list[Report], seconds: float) -> int:
    """Print the counts; 1 where something was violated."""
    fired: Counter[str] = Counter()
    violations: Counter[str] = Counter()
    for report in reports:
        fired.update(report.fired)
        violations.update(v.split(": ")[1] for v in report.violations)
    by_target = Counter(report.target for report in reports)
    print(f"\n{len(reports)} schedules in {seconds:.0f} s: {dict(by_target)}")
    print(f"{sum(report.invocations for report in reports)} invocations of the handler")
    print(f"{sum(fired.values())} faults of {sum(1 for c in fired.values() if c)} kinds injected")
    unmet = [f"{place}:{kind}" for place, kind in ALL if not fired[f"{place}:{kind}"]]
    if unmet:
        print(f"not met: {', '.join(unmet)}")
    by_place: Counter[str] = Counter()
    for kind, count in fired.items():
        by_place[kind.partition(":")[0]] += count
    print("by place: " + ", ".join(f"{place} {count}" for place, count in by_place.items()))
    if reports:
        least = min(report.least_left for report in reports)
        print(f"least time left at an answer: {least:.1f} s")
        print(f"longest clean run after an outage: {max(r.recovery for r in reports):.2f} s")
        print(f"peak memory of a function: {max(r.memory for r in reports)} MiB")
    bad = [report.seed for report in reports if report.violations]
    print(f"{sum(violations.values())} violations in {len(bad)} schedules: {dict(violations)}")
    if bad:
        print(f"failing seeds: {','.join(map(str, sorted(bad)))}")
    return 1 if bad else 0
