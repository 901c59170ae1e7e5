"""Run all benchmarks, one after the other: ``python -m benchmarks [--full] [--keep FILE]``.

The figures of one table come from one run on one machine. Compare them within a table only.
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from benchmarks import cold_start, decode, discovery, key_order, memory, pipeline, stages, store

SHORT, FULL = [100, 1_000, 5_000], [100, 1_000, 10_000, 50_000]


def machine() -> str:
    """A sentence about the machine."""
    pages, page_size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return (
        f"{os.cpu_count()} {platform.machine()} cores, {pages * page_size / 2**30:.0f} GB of "
        f"memory, {platform.system()}, Python {platform.python_version()}; PostgreSQL and the "
        "simulated CloudWatch run on the same cores."
    )


def main() -> None:
    """Measure, print each table when it is done, and write all of them to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="fleets of up to 50,000 instances")
    parser.add_argument("--keep", type=Path, help="write the results to this Markdown file")
    asked = parser.parse_args()
    counts = FULL if asked.full else SHORT
    parts = {
        "End to end, CloudWatch 30 ms away and Postgres 1 ms": lambda: pipeline.results(counts),
        "A GetMetricData call on the client's side": decode.results,
        "Discovery: DescribeInstances of a whole fleet": discovery.results,
        "The store alone": lambda: store.results(10_000 if asked.full else 1_000, 30),
        "The order of the key": lambda: key_order.results(5_000 if asked.full else 1_000, 30),
        "Memory and CPU over the fleet's size": lambda: memory.results(counts[1:]),
        "The CPU of a run by stage": stages.results,
        "Cold start, under AWS's runtime emulator": cold_start.results,
    }
    kept = ["# Results", f"`make bench{'-full' * asked.full}` on {machine()}"]
    print("\n\n".join(kept), flush=True)
    for title, measure in parts.items():
        kept.append(f"## {title}\n\n{measure()}")
        print(f"\n{kept[-1]}", flush=True)
    if asked.keep is not None:
        asked.keep.write_text("\n\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
