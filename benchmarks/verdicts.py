"""``verdicts`` over fourteen days, as a multiple of a plain aggregate over the same rows.

``python -m benchmarks.verdicts [--instances 1000 10000] [--url URL]``. Every column of every row is
fetched, in one process; the two questions take turns, and the medians are compared. ``--url`` names
an empty database of another server, such as PostgreSQL 15.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import psycopg
from moto.ec2.models.instance_types import INSTANCE_TYPES

from benchmarks.harness import WINDOW, postgres, table
from ingest_fn.pipeline.model import HOUR, zulu
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.upgrade import upgrade
from ingest_fn.settings import database

DAYS, HISTORY_DAYS, ROUNDS = 14, 30, 5

PLAIN = """
SELECT instance_id, avg(cpu_utilization), max(cpu_utilization_max), sum(network_in),
    sum(network_out)
FROM metrics WHERE "timestamp" >= %s AND "timestamp" < %s GROUP BY instance_id
"""
MACHINES = """
INSERT INTO instances (
    instance_id, region, instance_type, platform, lifecycle, state, launched_at, tags
)
SELECT
    'i-' || lpad(to_hex(number), 17, '0'), 'eu-central-1',
    (ARRAY['m7g.large', 'c7g.xlarge', 'r7g.2xlarge', 'm7g.4xlarge', 't4g.medium', 'm5.xlarge',
        'c6i.2xlarge', 'm6a.large', 't3.large', 'r6i.xlarge'])[1 + number / 10 %% 10],
    'Linux', 'on-demand', 'running', '2025-01-01', '{"Team": "web", "Name": "machine"}'
FROM generate_series(1, %s) AS number
"""
HISTORY = """
INSERT INTO instance_changes (instance_id, valid_from, valid_to, instance_type, state)
SELECT
    instances.id, edge, lead(edge) OVER (PARTITION BY instances.id ORDER BY edge), instance_type,
    CASE WHEN extract(hour FROM edge) = 7 OR instances.id %% 10 <> 9 THEN 'running'
        ELSE 'stopped' END
FROM instances
CROSS JOIN LATERAL (
    SELECT %(start)s::timestamptz - interval '100 days 12 hours' AS edge
    UNION ALL
    SELECT night + edge
    FROM generate_series(
        date_trunc('day', %(start)s::timestamptz), %(end)s::timestamptz, '1 day'
    ) AS night
    CROSS JOIN (VALUES (interval '7 hours 10 minutes'), ('19 hours 30 minutes')) AS edges (edge)
    WHERE instances.id %% 10 = 9
) AS edges
"""
# By the last digit: two idle, one quiet at night, one stopped at night, one hot, five ordinary
# ones of which three have an agent.
ROWS = """
INSERT INTO metrics (
    "timestamp", instance_id, cpu_utilization, cpu_utilization_max, network_in, network_out,
    memory_utilization, sample_count
)
SELECT
    hour, id, cpu, least(100, cpu * 1.6 + spread), cpu * spread * 40 * 3600,
    cpu * spread * 60 * 3600, CASE WHEN id %% 10 IN (3, 4, 5) THEN 30 + spread * 10 END, 12
FROM (
    SELECT
        hour, id, spread,
        CASE
            WHEN id %% 10 < 2 THEN 0.5
            WHEN id %% 10 = 2 AND extract(hour FROM hour) NOT BETWEEN 7 AND 18 THEN 0.5
            WHEN id %% 10 = 8 THEN 70
            ELSE 3 + id / 10 %% 40
        END * (0.4 + 0.6 * spread) AS cpu
    FROM generate_series(%s, %s - interval '1 hour', '1 hour') AS hour
    CROSS JOIN (SELECT id, random() AS seed FROM instances) AS machines
    CROSS JOIN LATERAL (
        SELECT abs(sin(id * 12.9898 + extract(epoch FROM hour) / 3600 * 78.233)) AS spread
    ) AS noise
    WHERE id %% 10 <> 9 OR extract(hour FROM hour) BETWEEN 7 AND 19
) AS hours
ORDER BY hour, id
"""


def fill(connection: psycopg.Connection, instances: int) -> None:
    """A fleet of every behaviour, with all of EC2's types, made-up prices and a month of rows."""
    cursor = connection.cursor()
    types = [
        (
            name,
            found["VCpuInfo"]["DefaultVCpus"],
            found["MemoryInfo"]["SizeInMiB"],
            "arm64" if "arm64" in found["ProcessorInfo"]["SupportedArchitectures"] else "x86_64",
            len(found.get("GpuInfo", {}).get("Gpus", [])),
            found.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
            found.get("Hypervisor"),
        )
        for name, found in INSTANCE_TYPES.items()
    ]
    cursor.executemany(
        "INSERT INTO instance_types (instance_type, vcpus, memory_mib, architecture, gpus, "
        "instance_storage_gib, hypervisor) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        types,
    )
    cursor.execute(
        "INSERT INTO prices SELECT 'eu-central-1', instance_type, 'Linux', "
        "vcpus * 0.03 + memory_mib * 0.000004 + 0.001, '2026-01-01', 'made up' FROM instance_types"
    )
    start = WINDOW.end - HISTORY_DAYS * 24 * HOUR
    cursor.execute("SELECT ensure_metrics_partitions(%s, %s)", [start, WINDOW.end])
    cursor.execute(MACHINES, [instances])
    cursor.execute(HISTORY, {"start": start, "end": WINDOW.end})
    cursor.execute(ROWS, [start, WINDOW.end])
    cursor.execute("VACUUM ANALYZE")


def measure(connection: psycopg.Connection) -> tuple[float, float, int]:
    """Seconds of the plain aggregate and of the verdicts, and how many verdicts there are."""
    window = [WINDOW.end - DAYS * 24 * HOUR, WINDOW.end]
    plain, verdicts, count = [], [], 0
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        connection.execute(PLAIN, window).fetchall()
        between = time.perf_counter()
        count = len(connection.execute("SELECT * FROM verdicts(%s)", [WINDOW.end]).fetchall())
        plain.append(between - begun)
        verdicts.append(time.perf_counter() - between)
    return median(plain[1:]), median(verdicts[1:]), count


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """A migrated database: at ``url``, or of the embedded PostgreSQL."""
    if url is None:
        with postgres() as embedded:
            yield embedded
        return
    upgrade(login_for(database({"DATABASE_URL": url}), None))
    yield url


def results(counts: list[int], url: str | None = None) -> str:
    """Measure each fleet, and say it in a table."""
    lines = []
    for instances in counts:
        with server(url) as found, psycopg.connect(found, autocommit=True) as connection:
            connection.execute("SET max_parallel_workers_per_gather = 0")
            fill(connection, instances)
            plain, verdicts, count = measure(connection)
            major = connection.info.server_version // 10_000
        if count != instances:
            raise SystemExit(f"{count} verdicts of {instances} machines")
        lines.append(
            f"{major} | {instances:,} | {plain * 1e3:,.0f} | {verdicts * 1e3:,.0f} | "
            f"{verdicts / plain:.1f}"
        )
    header = "PostgreSQL | instances | plain aggregate, ms | verdicts, ms | ratio"
    return f"14 days up to {zulu(WINDOW.end)}.\n\n" + table(header, *lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--url", help="an empty database of another server; one fleet only")
    asked = parser.parse_args()
    if asked.url and len(asked.instances) > 1:
        parser.error("--url takes one number of instances: the database is filled once")
    print(results(asked.instances, asked.url))


if __name__ == "__main__":
    main()
