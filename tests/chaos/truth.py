"""What the service knows, and what may and must be in the table because of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from struct import pack, unpack

from tests.chaos.values import FORTY_THOUSAND
from tests.cloudwatch import CloudWatch, Sample

COLUMNS = ("cpu_utilization", "cpu_utilization_max", "sample_count", "network_in", "network_out")
Row = tuple[float | None, ...]
Table = dict[tuple[str, int], Row]
HOUR = 3600


def real(value: float) -> float:
    """As Postgres keeps a real."""
    return float(unpack("f", pack("f", value))[0])


@dataclass
class Truth:
    """The hours of some instances: every value differs from its neighbours, so a shift shows."""

    ids: tuple[str, ...]
    first: int
    hours: int
    rng: Random
    now: Table = field(default_factory=dict)
    """What CloudWatch has today."""
    ever: dict[tuple[str, int, str], set[float]] = field(default_factory=dict)
    """Every value that it has ever sent."""
    versions: int = 0

    def make(self) -> None:
        """Fill in all hours, with gaps; a few instances have nothing at all."""
        for number, instance_id in enumerate(self.ids):
            if number and self.rng.random() < 0.07:
                continue
            for k in range(self.hours):
                if self.rng.random() < 0.05:
                    continue
                self._put(instance_id, self.first + k * HOUR, number, k)

    def _put(self, instance_id: str, hour: int, number: int, k: int) -> None:
        step = (number * 41 + k + 977 * self.versions) % 1600
        row: list[float | None] = [
            step / 32, 50 + step / 32, 12.0 + k % 7, 1e6 + number * 1000 + k + 5e8 * self.versions,
            2e6 + number * 1000 + k + 5e8 * self.versions,
        ]  # fmt: skip
        if self.rng.random() < 0.1:
            row[3] = None
        if self.rng.random() < 0.05:
            row[:3] = [None, None, None]
        if row == [None] * 5:
            return
        self.now[instance_id, hour] = tuple(row)
        for column, value in zip(COLUMNS, row, strict=True):
            if value is not None:
                self.ever.setdefault((instance_id, hour, column), set()).add(value)

    def revise(self) -> None:
        """CloudWatch changes its mind on some hours: values, never their absence."""
        self.versions += 1
        for instance_id, hour in self.rng.sample(sorted(self.now), min(6, len(self.now))):
            old, number = self.now[instance_id, hour], self.ids.index(instance_id)
            self._put(instance_id, hour, number, (hour - self.first) // HOUR)
            new = self.now[instance_id, hour]
            merged = tuple(b if b is not None else a for a, b in zip(old, new, strict=True))
            self.now[instance_id, hour] = merged

    def publish(self, service: CloudWatch) -> None:
        """Tell the service."""
        service.samples.clear()
        for (instance_id, hour), (mean, most, count, received, sent) in sorted(self.now.items()):
            moment = float(hour + 60)
            if mean is not None and most is not None and count is not None:
                service.samples.setdefault((instance_id, "CPUUtilization"), []).append(
                    Sample(moment, count, mean * count, most)
                )
            for metric, value in (("NetworkIn", received), ("NetworkOut", sent)):
                if value is not None:
                    service.samples.setdefault((instance_id, metric), []).append(
                        Sample(moment, 1, value, value)
                    )

    def _known(self, key: tuple[str, int], row: Row | None) -> Row | None:
        """``row``, but for a sample count that the service did send for once."""
        if row is None or row[2] != FORTY_THOUSAND:
            return row
        return (*row[:2], self.now.get(key, row)[2], *row[3:])

    def strangers(self, table: Table) -> list[str]:
        """Values in ``table`` that the service never sent."""
        found = []
        for (instance_id, hour), row in table.items():
            for column, value in zip(COLUMNS, row, strict=True):
                if value is None:
                    continue
                known = self.ever.get((instance_id, hour, column), set())
                if value not in known and not (
                    column == "sample_count" and value == FORTY_THOUSAND and known
                ):
                    found.append(f"{instance_id} {clock(hour)} {column} = {value!r}")
        return found

    def wrong(self, table: Table, start: int, end: int) -> dict[str, str]:
        """The instances whose rows of the window are not the service's, each with an example."""
        found: dict[str, str] = {}
        for key in sorted(self.now.keys() | table.keys()):
            if start <= key[1] < end and self.now.get(key) != self._known(key, table.get(key)):
                found.setdefault(
                    key[0], f"{clock(key[1])}: {table.get(key)}, not {self.now.get(key)}"
                )
        return found


def clock(hour: int) -> str:
    """An epoch second as one reads it."""
    return f"{datetime.fromtimestamp(hour, UTC):%Y-%m-%dT%H:%MZ}"


def lost(before: Table, after: Table) -> list[str]:
    """Rows, or values, that were there and are not any more."""
    found = []
    for key, row in before.items():
        kept = after.get(key)
        if kept is None or any(
            old is not None and new is None for old, new in zip(row, kept, strict=True)
        ):
            found.append(f"{key[0]} {clock(key[1])}: {row} became {kept}")
    return found


def whole_hour(moment: datetime, months_back: int) -> int:
    """The end of a schedule's window: a closed hour, thirty days back for each month."""
    back = moment.replace(minute=0, second=0, microsecond=0) - timedelta(
        days=30 * months_back, hours=6
    )
    return int(back.timestamp())
