"""Machines made by hand, an hour at a time, for tests of views and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.making import instance_id

END = datetime(2026, 11, 23, tzinfo=UTC)
"""The end of every window here: a Monday, midnight."""

HOUR = timedelta(hours=1)
REGION = "eu-central-1"
MB = 1e6

TYPES = (  # name, vCPUs, GiB, architecture, accelerators, instance store in GB, Mbit/s, USD
    ("c7g.large", 2, 4, "arm64", 0, 0, 937, 0.0776),
    ("c7g.xlarge", 4, 8, "arm64", 0, 0, 1876, 0.1552),
    ("c7g.2xlarge", 8, 16, "arm64", 0, 0, 3750, 0.3104),
    ("m7g.medium", 1, 4, "arm64", 0, 0, 520, 0.0489),
    ("m7g.large", 2, 8, "arm64", 0, 0, 937, 0.0978),
    ("m7g.xlarge", 4, 16, "arm64", 0, 0, 1876, 0.1957),
    ("m7g.2xlarge", 8, 32, "arm64", 0, 0, 3750, 0.3914),
    ("m7g.4xlarge", 16, 64, "arm64", 0, 0, 7500, 0.7827),
    ("r7g.large", 2, 16, "arm64", 0, 0, 937, 0.1293),
    ("r7g.xlarge", 4, 32, "arm64", 0, 0, 1876, 0.2586),
    ("r7g.2xlarge", 8, 64, "arm64", 0, 0, 3750, 0.5172),
    ("r7gd.large", 2, 16, "arm64", 0, 118, 937, 0.1000),
    ("t4g.small", 2, 2, "arm64", 0, 0, 128, 0.0192),
    ("t4g.medium", 2, 4, "arm64", 0, 0, 256, 0.0384),
    ("t4g.large", 2, 8, "arm64", 0, 0, 512, 0.0768),
    ("t4g.xlarge", 4, 16, "arm64", 0, 0, 1024, 0.1536),
    ("m6i.large", 2, 8, "x86_64", 0, 0, 781, 0.1150),
    ("g5.xlarge", 4, 16, "x86_64", 1, 250, 2500, 1.2580),
)


class Machines:
    """An empty, migrated database to put machines into, and to ask for verdicts."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self._count = 0
        first, last = END - timedelta(days=120), END + timedelta(days=1)
        self.run("SELECT ensure_metrics_partitions(%s, %s)", first, last)
        cursor = self.connection.cursor()
        cursor.executemany(
            "INSERT INTO instance_types (instance_type, vcpus, memory_mib, architecture, gpus, "
            "instance_storage_gib, network_baseline_mbps, hypervisor) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, 'nitro')",
            [(name, cpus, gib * 1024, *rest[:-1]) for name, cpus, gib, *rest in TYPES],
        )
        cursor.executemany(
            "INSERT INTO prices VALUES (%s, %s, 'Linux', %s, '2026-01-01', 'test')",
            [(REGION, name, price) for name, *_, price in TYPES],
        )

    def run(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows of a query, if it has any."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def add(
        self,
        instance_type: str | None = "m7g.large",
        *,
        launched: datetime | None = END - timedelta(days=100),
        state: str | None = "running",
        **columns: Any,
    ) -> str:
        """A machine, described as EC2 would; ``instance_type=None``: never described at all."""
        self._count += 1
        id_ = instance_id(self._count)
        known: dict[str, Any] = {
            "region": REGION,
            "instance_type": instance_type,
            "launched_at": launched,
        }
        if instance_type is not None:
            known |= {"platform": "Linux", "lifecycle": "on-demand", "state": state, "tags": {}}
        known |= columns
        if known.get("tags") is not None:
            known["tags"] = Jsonb(known["tags"])
        names = ", ".join(["instance_id", *known])
        self.run(
            f"INSERT INTO instances ({names}) VALUES (%s{', %s' * len(known)})",
            id_,
            *known.values(),
        )
        return id_

    def hours(
        self,
        id_: str,
        cpu: float | None = 20.0,
        *,
        peak: float | None = None,
        mb_per_day: float | None = 100.0,
        memory: float | None = None,
        hours: Iterable[int] = range(-336, 0),
        where: Callable[[datetime], bool] = lambda _: True,
    ) -> None:
        """Rows for ``hours`` (counted from END) in which ``where`` holds. ``peak``: the maximum."""
        key = self.run("SELECT id FROM instances WHERE instance_id = %s", id_)[0]["id"]
        half = None if mb_per_day is None else mb_per_day * MB / 24 / 2
        stamps = [END + number * HOUR for number in hours]
        self.connection.cursor().executemany(
            'INSERT INTO metrics ("timestamp", instance_id, cpu_utilization, cpu_utilization_max, '
            "network_in, network_out, memory_utilization) VALUES (%s, %s, %s, %s, %s, %s, %s) "
            'ON CONFLICT ("timestamp", instance_id) DO UPDATE SET '
            "cpu_utilization = excluded.cpu_utilization, "
            "cpu_utilization_max = excluded.cpu_utilization_max, "
            "network_in = excluded.network_in, network_out = excluded.network_out, "
            "memory_utilization = excluded.memory_utilization",
            [
                (stamp, key, cpu, cpu if peak is None else peak, half, half, memory)
                for stamp in stamps
                if where(stamp)
            ],
        )

    def history(self, id_: str, *changes: tuple[datetime, str, str | None]) -> None:
        """Changes of (from when, state, type), oldest first; the last one still holds."""
        ends = [*[when for when, *_ in changes[1:]], None]
        for (begun, state, instance_type), ended in zip(changes, ends, strict=True):
            self.run(
                "INSERT INTO instance_changes "
                "(instance_id, valid_from, valid_to, instance_type, state) "
                "SELECT id, %s, %s, %s, %s FROM instances WHERE instance_id = %s",
                begun,
                ended,
                instance_type,
                state,
                id_,
            )

    def verdict(self, id_: str, as_of: datetime = END, **arguments: Any) -> dict[str, Any]:
        """The row of ``verdicts(as_of, …)`` for one machine."""
        (row,) = [row for row in self.verdicts(as_of, **arguments) if row["instance_id"] == id_]
        return row

    def verdicts(self, as_of: datetime = END, **arguments: Any) -> list[dict[str, Any]]:
        """All rows of ``verdicts(as_of, …)``."""
        named = "".join(f", {name} => %s" for name in arguments)
        return self.run(f"SELECT * FROM verdicts(%s{named})", as_of, *arguments.values())
