"""A year in the life of a fleet: launches, resizes, stops, terminations, new tags."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
import pytest

from ingest_fn.ingester import Ingester
from ingest_fn.local.aws import LocalAws
from ingest_fn.local.synthetic.ec2 import show
from ingest_fn.local.synthetic.types import synthetic_types
from ingest_fn.pipeline.machine import Machine
from ingest_fn.pipeline.model import HOUR, HOUR_SECONDS
from ingest_fn.postgres.metadata import PostgresMetadata
from tests.cloudwatch import running_cloudwatch
from tests.making import instance_id
from tests.postgres import PostgresStore

MACHINES, STEPS = 500, 18
STEP = timedelta(days=20)
START = datetime(2025, 11, 1, tzinfo=UTC)
TYPES = ("m7g.large", "m7g.xlarge", "c7g.large", "r7g.large")
REGION = "eu-central-1"
LOOKBACK = 3


@dataclass
class Life:
    """One machine. Times are epoch seconds; at most one thing happens to it from look to look."""

    machine: Machine
    born: int
    ended: int | None = None

    def step(self, since: int, until: int, random: Random) -> None:
        """What happens to it between two looks."""
        if self.ended is not None or self.born > until:
            return
        now, at = self.machine, random.randrange(max(since, self.born), until, 60)
        fate = random.random()
        if fate < 0.06:
            self.ended = at
        elif fate < 0.14 and now.state == "running":
            self.machine = now._replace(state="stopped", state_since=at)
        elif now.state == "stopped" and fate < 0.6:
            self.machine = now._replace(state="running", state_since=None, started_at=at)
        elif fate < 0.24 and now.state == "running":
            kind = random.choice(TYPES)
            self.machine = now._replace(instance_type=kind, started_at=at)
        elif fate < 0.3:
            self.machine = now._replace(tags={"Name": f"renamed-{at}"}, name=f"renamed-{at}")

    def shown(self, time: int) -> bool:
        return self.born <= time and self.ended is None

    def hours(self, until: int) -> list[int]:
        """The whole hours before ``until`` that are read and in which it ran from their start."""
        started, stopped = self.machine.started_at, self.machine.state_since
        hours = range(until - LOOKBACK * HOUR_SECONDS, until, HOUR_SECONDS)
        return [hour for hour in hours if started <= hour and (stopped is None or hour < stopped)]


@pytest.mark.timeout(300)
def test_a_year_of_a_fleet(
    aws: LocalAws, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(11)
    lives: list[Life] = []
    for number in range(MACHINES):
        born = int((START + random.random() * STEPS * STEP * random.choice((0, 1))).timestamp())
        machine = Machine(
            instance_id(number), random.choice(TYPES), "running", born, born,
            name=f"web-{number}", availability_zone="eu-central-1a", architecture="arm64",
            tags={"Name": f"web-{number}"},
        )  # fmt: skip
        lives.append(Life(machine, born))
    had: dict[tuple[str, int], str] = {}
    with running_cloudwatch() as cloudwatch, closing(PostgresStore(database_url)) as store:
        env = aws.environment() | {
            "AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch.url,
            "CLOUDWATCH_API": "metric-data",
            "DATABASE_URL": database_url,
            **dict.fromkeys(
                ("LOOKBACK_HOURS", "FIRST_LOOKBACK_HOURS", "CATCH_UP_HOURS"), str(LOOKBACK)
            ),
        }
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", cloudwatch.url)
        for number in range(1, STEPS + 1):
            now = START + number * STEP
            end = int(now.timestamp())
            PostgresMetadata(store.connections, REGION).keep_types(synthetic_types()[:1], now)
            for life in lives:
                life.step(end - int(STEP.total_seconds()), end, random)
            living = [life for life in lives if life.shown(end)]
            show([life.machine for life in living], REGION)
            due = set()
            for life in living:
                machine = life.machine
                if not machine.stopped_since(end - LOOKBACK * HOUR_SECONDS):
                    due.add(machine.instance_id)
                for hour in life.hours(end):
                    had[machine.instance_id, hour] = machine.instance_type
                    moment = datetime.fromtimestamp(hour, UTC)
                    cloudwatch.put(machine.instance_id, "CPUUtilization", moment, 10.0)
            cloudwatch.calls.clear()
            with closing(Ingester(env)) as ingester:
                result = ingester.ingest(
                    {"instances": ["all"], "scheduled_time": now.isoformat()},
                    now=now + HOUR / 4,
                    time_left=lambda: math.inf,
                ).as_dict()
            asked = {
                id_
                for call in cloudwatch.calls
                if call.action == "GetMetricData"
                for id_ in call.instance_ids
            }
            assert asked == due, "nothing is asked of dead and of stopped machines"
            assert result["cloudwatch"]["metrics_billed"] == 3 * len(due)
            instances = result["instances"]
            assert instances["requested"] + instances["not_due"] == len(living)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT instances.instance_id, extract(epoch FROM metrics.timestamp)::bigint, "
            "changes.instance_type, changes.state FROM metrics "
            "JOIN instances ON instances.id = metrics.instance_id "
            "JOIN instance_changes AS changes ON changes.instance_id = instances.id "
            "AND valid_from <= metrics.timestamp "
            "AND coalesce(valid_to, 'infinity') > metrics.timestamp"
        ).fetchall()
        assert {(row[0], row[1]): row[2] for row in found} == had
        assert {row[3] for row in found} == {"running"}
        gaps = connection.execute(
            "SELECT count(*) FROM (SELECT valid_to, lead(valid_from) OVER ("
            "PARTITION BY instance_id ORDER BY valid_from) AS next FROM instance_changes) AS rows "
            "WHERE valid_to IS DISTINCT FROM next"
        ).fetchone()
        assert gaps == (0,), "the rows of an instance touch"
        now_in = connection.execute("SELECT instance_id, state FROM instances").fetchall()
    states: dict[str, str] = dict(now_in)
    seen = [life for life in lives if life.machine.instance_id in states]
    for life in seen:
        expected = "terminated" if life.ended else life.machine.state
        assert states[life.machine.instance_id] == expected
    assert sum(life.ended is not None for life in seen) > 100
    assert len(had) > 10_000
