"""Runs in other accounts: roles assumed once, renewed in time, and refusals that say the hint."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest_fn.aws.accounts import SESSION_NAME, Accounts
from ingest_fn.aws.clients import Clients
from ingest_fn.discovery import resolve
from ingest_fn.discovery.resolve import resolve_target
from ingest_fn.errors import AccessDeniedError, ConfigurationError
from ingest_fn.ingester import Ingester
from ingest_fn.local.aws import LocalAws
from ingest_fn.pipeline.result import RunResult
from ingest_fn.request.target import Target, parse_target
from tests.accounts import Place, Sts, role
from tests.making import DAY, instance_id

ACCOUNT, REGION = "111111111111", "us-west-2"
EVENT = {"scheduled_time": "2026-11-23T10:15:00Z", "lookback_hours": 2}
IDS = [instance_id(number) for number in range(3)]
SAMPLE = Path(__file__).parents[2] / "events" / "target.json"


@pytest.fixture
def sts(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Sts:
    return Sts(monkeypatch)


@pytest.fixture
def place(sts: Sts) -> Place:
    made = Place(ACCOUNT, REGION)
    sts.assumed.clear()
    return made


@pytest.fixture
def ingester(aws: LocalAws, database_url: str) -> Iterator[Ingester]:
    env = aws.environment() | {"DATABASE_URL": database_url}
    with closing(Ingester(env)) as made:
        yield made


def ingest(ingester: Ingester, target: dict[str, Any], **more: Any) -> RunResult:
    return ingester.ingest(
        EVENT | {"target": target} | more, now=datetime.now(UTC), time_left=lambda: math.inf
    )


def target_ids(target: Target, clients: Clients) -> tuple[str, ...]:
    return resolve_target(target, clients, DAY, now=datetime.now(UTC)).instance_ids


def ledger(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT account_id, region, status, instances_requested, instances_failed, error "
            "FROM ingest_runs ORDER BY started_at"
        ).fetchall()


def test_a_role_is_assumed_once_for_all_warm_runs_and_regions(
    ingester: Ingester, place: Place, sts: Sts, database_url: str
) -> None:
    place.publish(IDS[0], cpu=10.0)
    report = ingest(ingester, place.target(instance_ids=IDS))
    assert report.as_dict()["rows"]["inserted"] == 2
    assert (report.as_dict()["account_id"], report.as_dict()["region"]) == (ACCOUNT, REGION)
    ingest(ingester, place.target(instance_ids=IDS))
    ingest(ingester, place.target(instance_ids=IDS) | {"region": "eu-west-1"})
    assert sts.assumed == [(role(ACCOUNT), SESSION_NAME, None)]
    assert [run[:3] for run in ledger(database_url)] == [
        (ACCOUNT, REGION, "ok"),
        (ACCOUNT, REGION, "ok"),
        (ACCOUNT, "eu-west-1", "ok"),
    ]


def test_the_sample_event_reads_the_tagged_instances_of_its_target(
    ingester: Ingester, sts: Sts, database_url: str
) -> None:
    event = json.loads(SAMPLE.read_text())
    target = event["target"]
    sts.external_ids = {target["role_arn"]: target["external_id"]}
    place = Place(target["account_id"], target["region"])
    (id_,) = place.launch(1, "production", key="Environment")
    place.launch(1, "testing", key="Environment")
    place.publish(id_, cpu=10.0)
    result = ingester.ingest(event, now=datetime.now(UTC), time_left=lambda: math.inf).as_dict()
    assert (result["instances"]["requested"], result["instances"]["ok"]) == (1, 1)
    assert sts.assumed[-1] == (target["role_arn"], SESSION_NAME, target["external_id"])


def test_credentials_that_expire_soon_are_renewed_before_a_call(
    place: Place, sts: Sts, aws: LocalAws
) -> None:
    sts.lifetime = timedelta(minutes=5)
    accounts = Accounts(Clients(aws.region, 1))
    target = parse_target(place.target(selector={"tag:Name": ["web"]}))
    ids = place.launch(2, "web")
    for _ in range(2):
        assert target_ids(target, accounts.clients(target)) == tuple(sorted(ids))
    renewed = len(sts.assumed)
    assert renewed >= 3  # the first, and one before each of the two calls
    sts.lifetime = timedelta(hours=1)
    for _ in range(2):
        target_ids(target, accounts.clients(target))
    assert len(sts.assumed) == renewed + 1


def test_a_role_lost_in_the_middle_is_a_denial_of_assume_role(
    place: Place, sts: Sts, aws: LocalAws
) -> None:
    sts.lifetime = timedelta(minutes=5)
    accounts = Accounts(Clients(aws.region, 1))
    target = parse_target(place.target(selector={"tag:Name": ["web"]}))
    clients = accounts.clients(target)
    sts.denied = {role(ACCOUNT)}
    with pytest.raises(AccessDeniedError, match="cannot be assumed"):
        target_ids(target, clients)


@pytest.mark.parametrize("sent", [None, "wrong"])
def test_a_wrong_external_id_says_what_to_allow_where(
    ingester: Ingester, place: Place, sts: Sts, database_url: str, sent: str | None
) -> None:
    sts.external_ids = {role(ACCOUNT): "right"}
    target = place.target(instance_ids=IDS) | ({"external_id": sent} if sent else {})
    with pytest.raises(AccessDeniedError) as caught:
        ingest(ingester, target)
    assert f"{role(ACCOUNT)} cannot be assumed. AWS denied sts:AssumeRole" in caught.value.message
    assert "trust policy" in caught.value.hint
    assert ("without an external id" in caught.value.hint) == (sent is None)
    (run,) = ledger(database_url)
    assert run[:5] == (ACCOUNT, REGION, "failed", 3, 3)
    assert "sts:AssumeRole" in run[5]
    ingest(ingester, target | {"external_id": "right"})
    assert sts.assumed[-1] == (role(ACCOUNT), SESSION_NAME, "right")


def test_a_refused_dry_run_leaves_no_line(
    ingester: Ingester, place: Place, sts: Sts, database_url: str
) -> None:
    sts.denied = {role(ACCOUNT)}
    with pytest.raises(AccessDeniedError):
        ingest(ingester, place.target(instance_ids=IDS), dry_run=True)
    assert ledger(database_url) == []


def test_a_missing_parameter_of_the_target_is_in_the_ledger(
    ingester: Ingester, place: Place, database_url: str
) -> None:
    with pytest.raises(ConfigurationError, match="put-parameter"):
        ingest(ingester, place.target(parameter="/fleet/ids"))
    (run,) = ledger(database_url)
    assert run[:5] == (ACCOUNT, REGION, "failed", 0, 0)
    assert "/fleet/ids does not exist" in run[5]


def test_a_selector_that_matches_nothing_is_a_whole_run_of_nothing(
    ingester: Ingester, place: Place, database_url: str
) -> None:
    result = ingest(ingester, place.target(selector={"tag:Name": ["nobody"]})).as_dict()
    assert result["status"] == "ok"
    assert result["instances"]["requested"] == 0


def test_a_slice_reads_its_instances_alone(ingester: Ingester, place: Place) -> None:
    bounds = {"from": IDS[1], "before": IDS[2]}
    result = ingest(ingester, place.target(instance_ids=IDS, slice=bounds)).as_dict()
    assert result["instances"]["requested"] == 1


def test_a_selector_follows_every_page(
    place: Place, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "PAGE", 5)
    # moto counts launches to a page, not instances.
    ids = [id_ for _ in range(12) for id_ in place.launch(1, "web")]
    target = parse_target(place.target(selector={"tag:Name": ["web"]}))
    clients = Accounts(Clients(aws.region, 1)).clients(target)
    assert target_ids(target, clients) == tuple(sorted(ids))


def test_a_target_by_selection(place: Place, aws: LocalAws, ingester: Ingester) -> None:
    web, _ = place.launch(3, "web"), place.launch(1, "db")
    target = place.target(instances=["tag:Name=w?b", f"!{web[0]}"])
    clients = Accounts(Clients(aws.region, 1)).clients(parse_target(target))
    assert target_ids(parse_target(target), clients) == tuple(sorted(web[1:]))
    result = ingest(ingester, target).as_dict()
    assert result["instances"]["requested"] + result["instances"]["not_due"] == 2


def test_models_are_loaded_once_for_all_accounts(place: Place, aws: LocalAws) -> None:
    home = Clients(aws.region, 1)
    there = Accounts(home).clients(parse_target(place.target(instance_ids=IDS)))
    loaders = {id(clients.session.get_component("data_loader")) for clients in (home, there)}
    assert len(loaders) == 1
