"""Peak memory and CPU for several fleet sizes, each in a process of its own.

``python -m benchmarks.memory [--instances 1000 10000 50000]``. The peak is the process's resident
set, with the interpreter and the libraries. The run is a first load, which needs the most memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import runner, stage, table

STATUS = Path("/proc/self/status")


def peak_mb() -> float:
    """The peak resident set of this program. Linux's ``ru_maxrss`` includes the parent's."""
    if STATUS.exists():
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # bytes on macOS


def one(count: int) -> dict[str, float]:
    """A run in this process: its peak in MB, and its CPU in microseconds per instance."""
    with runner(dict(os.environ), count) as run:
        begun = time.process_time()
        run()
        cpu = time.process_time() - begun
    return {"instances": count, "peak": peak_mb(), "cpu": cpu / count * 1e6}


def results(counts: list[int]) -> str:
    """Measure, and return a table."""
    figures = []
    with stage() as at:
        for count in counts:
            at.emptied()
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.memory", "--one", str(count)],
                env={**os.environ, **at.env},
                stdout=subprocess.PIPE,
                check=True,
            )
            figures.append(json.loads(done.stdout))
    first = figures[0]
    return table(
        "instances|peak MB|× the smallest|CPU µs/instance|× the smallest",
        *(
            f"{f['instances']:,}|{f['peak']:.0f}|{f['peak'] / first['peak']:.2f}"
            f"|{f['cpu']:.0f}|{f['cpu'] / first['cpu']:.2f}"
            for f in figures
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, nargs="+", default=[1_000, 5_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    print(json.dumps(one(asked.one)) if asked.one else results(asked.instances))
