"""Owed hours over a real PostgreSQL: outages, kills, partial answers, machines that come and go.

A simulated service has the truth. Whatever happened before, the next whole run makes ``metrics``
equal to the truth as far back as runs heal, and ``gaps`` names exactly the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from random import Random
from uuid import uuid4

import psycopg
import pytest

from ingest_fn.errors import AwsError, IngestError
from ingest_fn.pipeline.arrears import Reach, Settlement, due_by_window, due_now
from ingest_fn.pipeline.ingest import run
from ingest_fn.pipeline.model import HOUR, Api, Batch, Cost, Fetched, Reading, Window
from ingest_fn.pipeline.plan import make_plan
from ingest_fn.pipeline.ports import NoObserver
from ingest_fn.pipeline.result import RunInfo, RunResult
from ingest_fn.postgres.arrears import Arrears
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.ledger import PostgresLedger
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metrics import PostgresMetrics
from tests.making import instance_id
from tests.postgres import settings, stored_rows

REACH = Reach(lookback=6, first_lookback=24, catch_up=24)
GROUP = "default"


def last_closed_hour() -> datetime:
    return datetime.now().astimezone().replace(minute=0, second=0, microsecond=0)


class Service:
    """CloudWatch with the truth: every machine has every hour, but for a fixed share of gaps."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self.down: set[str] = set()
        self.partial: set[str] = set()
        self.asked: dict[str, int] = {}
        self.spent = Cost()

    def has(self, id_: str, hour: int) -> bool:
        return Random(f"{self._seed} {id_} {hour}").random() > 0.05

    def truth(self, id_: str, window: Window) -> dict[int, float]:
        return {hour: hour / 3600 % 97 for hour in window.hours if self.has(id_, hour)}

    def fetch(self, batch: Batch) -> Fetched:
        if "all" in self.down:
            raise AwsError("The service is down.")
        readings = []
        for id_ in batch.instance_ids:
            self.asked[id_] = self.asked.get(id_, 0) + 1
            cpu = self.truth(id_, batch.window)
            if id_ in self.down:
                readings.append(Reading(id_, tuple({} for _ in batch.statistics), "Forbidden"))
            elif id_ in self.partial:
                some = dict(list(cpu.items())[::2])
                readings.append(Reading(id_, (some, some, some, some, some), "PartialData"))
            else:
                readings.append(Reading(id_, (cpu, cpu, cpu, cpu, cpu)))
        cost = Cost(1, 3 * len(readings))
        self.spent += cost
        return Fetched(readings, cost)


class Feed:
    """Runs as the function makes them, on one database."""

    def __init__(self, url: str, service: Service) -> None:
        self.url = url
        self.service = service
        self.connections = Connections(login_for(settings(url), None))

    def run(
        self,
        ids: Sequence[str],
        end: datetime,
        *,
        freshness: int = 1,
        window: Window | None = None,
        killed: bool = False,
    ) -> RunResult:
        group = GROUP if window is None else None
        arrears = Arrears(
            self.connections, ids, group=group, end=end, catch_up=REACH.catch_up * HOUR
        )
        known = arrears.known()
        if window is None:
            stamp = int(end.timestamp())
            due = due_now(ids, known.states, end=stamp, freshness=freshness, reach=REACH)
        else:
            due = due_by_window(ids, window)
        recent = Window(end - REACH.lookback * HOUR, end)
        starts = [need.window.start for need in due.needs]
        info = RunInfo(
            str(uuid4()),
            "schedule",
            "eu-central-1",
            window or recent,
            dry_run=False,
            api=Api.METRIC_DATA,
            requested=due.requested,
            not_due=due.not_due,
            reads_from=min(starts, default=None),
        )
        ledger = (Dying if killed else PostgresLedger)(self.connections, arrears=arrears)
        result = RunResult(info, 730)
        with suppress(IngestError, KilledError):
            run(
                result,
                make_plan(due, api=Api.METRIC_DATA, workers=2, now=end),
                self.service,
                PostgresMetrics(
                    self.connections, "eu-central-1", keys=known.keys, recent_from=recent.start
                ),
                ledger,
                observer=NoObserver(),
                workers=2,
                time_left=lambda: 900.0,
            )
        return result

    def gaps(self) -> dict[tuple[str, int], str]:
        """Reason by instance and hour."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "SELECT instance_id, gap_start, gap_end, reason, hours FROM gaps"
            ).fetchall()
        found = {}
        for id_, start, end, reason, hours in rows:
            span = Window(start, end).hours
            assert len(span) == hours
            for hour in span:
                assert (id_, hour) not in found
                found[id_, hour] = reason
        return found

    def coverage(self) -> Mapping[str, tuple[int, int, int]]:
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "SELECT instance_id, hours_expected, hours_present, hours_explained FROM coverage"
            ).fetchall()
        return {id_: (expected, present, explained) for id_, expected, present, explained in rows}

    def owed_rows(self) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT count(*) FROM owed_hours").fetchone()
        assert row is not None
        return int(row[0])


class KilledError(Exception):
    """The process is gone before it could finish."""


class Dying(PostgresLedger):
    """The ledger of a function that is killed after it has stored its rows."""

    def finish(self, result: RunResult, settlement: Settlement | None = None) -> None:
        raise KilledError


IDS = [instance_id(number) for number in range(6)]
NOW = last_closed_hour()


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views look at the clock, so each test begins with the hour that it is by then."""
    monkeypatch.setitem(globals(), "NOW", last_closed_hour())


@pytest.fixture
def service() -> Service:
    return Service("truth")


@pytest.fixture
def feed(database_url: str, service: Service) -> Iterator[Feed]:
    feed = Feed(database_url, service)
    with closing(feed.connections):
        yield feed


def stored_hours(feed: Feed) -> set[tuple[str, int]]:
    return set(stored_rows(feed.url))


def true_hours(service: Service, ids: Sequence[str], window: Window) -> set[tuple[str, int]]:
    return {(id_, hour) for id_ in ids for hour in service.truth(id_, window)}


def test_first_sight_brings_history_for_the_price_of_one_hour(feed: Feed, service: Service) -> None:
    result = feed.run(IDS, NOW)
    assert result.cost == Cost(1, 3 * len(IDS))
    assert stored_hours(feed) == true_hours(service, IDS, Window(NOW - 24 * HOUR, NOW))
    recent = Window(NOW - 6 * HOUR, NOW)
    healed = len(stored_hours(feed)) - len(true_hours(service, IDS, recent))
    assert result.as_dict()["hours"] == {"owed": 0, "healed": healed}


def test_the_steady_run_writes_no_row_per_instance(feed: Feed) -> None:
    feed.run(IDS, NOW - HOUR)
    state = "SELECT array_agg((xmin, ctid)::text ORDER BY id) FROM instances"
    with psycopg.connect(feed.url, autocommit=True) as connection:
        before = connection.execute(state).fetchone()
        result = feed.run(IDS, NOW)
        assert result.status == "ok"
        assert connection.execute(state).fetchone() == before
    assert feed.owed_rows() == 0


def test_an_outage_of_every_kind_heals_in_the_next_run(feed: Feed, service: Service) -> None:
    feed.run(IDS, NOW - 15 * HOUR)
    service.down = {"all"}
    failed = feed.run(IDS, NOW - 14 * HOUR)
    assert failed.status == "failed"
    assert set(feed.gaps().values()) >= {"read_failed", "not_read"}
    service.down = set()
    feed.run(IDS, NOW - 13 * HOUR, killed=True)
    # No run at all for a while, then one.
    result = feed.run(IDS, NOW)
    assert result.counts.ok == len(IDS)
    assert result.owed_hours == 0
    assert result.counts.healed > 0
    assert stored_hours(feed) == true_hours(service, IDS, Window(NOW - 39 * HOUR, NOW))
    assert set(feed.gaps().values()) == {"no_data"}


def test_one_instance_that_fails_owes_its_hours_alone(feed: Feed, service: Service) -> None:
    feed.run(IDS, NOW - 3 * HOUR)
    service.down = {IDS[2]}
    for back in (2, 1):
        result = feed.run(IDS, NOW - back * HOUR)
        assert result.owed_hours == 3 - back
    assert feed.owed_rows() == 1
    failed = {key for key, reason in feed.gaps().items() if reason == "read_failed"}
    first = int((NOW - 3 * HOUR).timestamp())
    assert failed == {(IDS[2], first), (IDS[2], first + 3600)}
    service.down = set()
    assert feed.run(IDS, NOW).owed_hours == 0
    assert feed.owed_rows() == 0


def test_what_lies_behind_catch_up_stays_owed_and_is_named(feed: Feed, service: Service) -> None:
    feed.run(IDS, NOW - 60 * HOUR)
    result = feed.run(IDS, NOW)
    assert result.owed_hours == 0
    lost = Window(NOW - 60 * HOUR, NOW - 24 * HOUR)
    not_read = {key for key, reason in feed.gaps().items() if reason == "not_read"}
    assert not_read == {(id_, hour) for id_ in IDS for hour in lost.hours}
    feed.run(IDS, NOW, window=lost)
    assert set(feed.gaps().values()) == {"no_data"}
    assert feed.owed_rows() == 0


def test_a_hole_between_two_windows_of_their_own_is_not_read(feed: Feed) -> None:
    feed.run(IDS, NOW, window=Window(NOW - 10 * HOUR, NOW - 8 * HOUR))
    feed.run(IDS, NOW, window=Window(NOW - 4 * HOUR, NOW - 2 * HOUR))
    feed.run(IDS, NOW, window=Window(NOW - 20 * HOUR, NOW - 18 * HOUR))
    holes = {hour for (_, hour), reason in feed.gaps().items() if reason == "not_read"}
    expected = {
        *Window(NOW - 8 * HOUR, NOW - 4 * HOUR).hours,
        *Window(NOW - 18 * HOUR, NOW - 10 * HOUR).hours,
    }
    assert holes == expected


def test_an_instance_that_is_no_longer_chosen_is_expected_no_more(feed: Feed) -> None:
    feed.run(IDS, NOW - 5 * HOUR)
    feed.run(IDS[1:], NOW)
    expected = {id_: counts[0] for id_, counts in feed.coverage().items()}
    assert expected == {IDS[0]: 24} | dict.fromkeys(IDS[1:], 29)
    back = feed.run(IDS, NOW)
    assert back.status == "ok"
    assert {counts[0] for counts in feed.coverage().values()} == {29}
    assert "not_read" not in feed.gaps().values()


@pytest.mark.parametrize("freshness", [2, 4, 24])
def test_each_instance_is_read_once_in_its_cycle(
    feed: Feed, service: Service, freshness: int
) -> None:
    ids = [instance_id(number) for number in range(40)]
    feed.run(ids, NOW - 30 * HOUR, freshness=freshness)
    service.asked.clear()
    for back in range(29, 29 - freshness, -1):
        result = feed.run(ids, NOW - back * HOUR, freshness=freshness)
        assert result.counts.instances + result.run.not_due == 40
    assert service.asked == dict.fromkeys(ids, 1)


def misfortunes(feed: Feed, service: Service, random: Random) -> set[str]:
    """Forty hours in which all goes wrong that can; the instances that are chosen at the end."""
    freshness = random.choice([1, 1, 2, 3])
    chosen = set(random.sample(IDS, 4))
    end = NOW - 40 * HOUR
    while end < NOW - 5 * HOUR:
        end += random.choice([1, 1, 1, 2, 5]) * HOUR
        if random.random() < 0.2:
            chosen ^= {random.choice(IDS)}
        service.down = {id_ for id_ in IDS if random.random() < 0.15}
        service.partial = {id_ for id_ in IDS if random.random() < 0.15}
        if random.random() < 0.1:
            service.down = {"all"}
        ids = sorted(chosen)
        if random.random() < 0.1 and ids:
            start = end - random.randint(2, 30) * HOUR
            feed.run(ids, end, window=Window(start, start + random.randint(1, 12) * HOUR))
        else:
            feed.run(ids, end, freshness=freshness, killed=random.random() < 0.1)
    return chosen or {IDS[0]}


SCHEDULES = 30


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_whatever_happened_the_next_whole_run_heals_it(
    feed: Feed, service: Service, seed: int
) -> None:
    service._seed = str(seed)
    chosen = misfortunes(feed, service, Random(seed))
    service.down, service.partial = set(), set()
    service.asked.clear()
    result = feed.run(sorted(chosen), NOW, freshness=1)
    assert result.status == "ok", result.failures
    assert service.asked == dict.fromkeys(chosen, 1)
    assert result.owed_hours == 0
    healed = Window(NOW - REACH.catch_up * HOUR, NOW)
    stored, gaps = stored_hours(feed), feed.gaps()
    with psycopg.connect(feed.url) as connection:
        spans = {
            id_: Window(start, until)
            for id_, start, until in connection.execute(
                "SELECT instance_id, expected_from, expected_until FROM expected_hours"
            )
        }
    for id_ in chosen:
        span = spans[id_]
        assert span.end == NOW
        for hour in span.hours:
            key = id_, hour
            assert (key in stored) != (key in gaps)
            if service.has(id_, hour) and key not in stored:
                assert gaps[key] in {"not_read", "read_failed"}
                assert hour < healed.hours.start
            if hour >= healed.hours.start:
                assert (key in stored) == service.has(id_, hour)
    for id_, (expected, present, _) in feed.coverage().items():
        assert expected - present == sum(1 for key in gaps if key[0] == id_)
