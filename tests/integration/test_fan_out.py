"""The state machine, from its definition to rows: many accounts and Regions, one of them denied."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import psycopg
import pytest
from psycopg.rows import dict_row

from ingest_fn import app
from ingest_fn.fan_out import app as fan_out
from ingest_fn.fan_out.summary import NEVER_SEEN
from ingest_fn.local.aws import LocalAws
from ingest_fn.telemetry import SERVICE
from tests.accounts import Place, Sts, role
from tests.making import instance_id
from tests.postgres import stored_rows
from tests.step_functions import HOME, Machine, state_machine

EVENT = {"scheduled_time": "2026-11-23T10:15:00Z", "lookback_hours": 2}
TARGETS = "/fan-out/targets/"
ONE, OTHER, DENIED = "111111111111", "222222222222", "333333333333"
REGIONS = ("eu-central-1", "us-west-2")


@pytest.fixture
def sts(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Sts:
    return Sts(monkeypatch)


@pytest.fixture
def machine(
    aws: LocalAws,
    sts: Sts,
    database_url: str,
    cold_handler: object,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Machine]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TARGETS_PARAMETER", TARGETS)
    monkeypatch.setenv("MAX_PARTS_AT_ONCE", "2")
    logging.Logger.manager.loggerDict.pop(SERVICE + fan_out.SUFFIX, None)
    fan_out.fan_out.cache_clear()
    app.ingester()
    yield state_machine(aws, monkeypatch, hasty)
    if fan_out.fan_out.cache_info().currsize:
        fan_out.fan_out().close()
    fan_out.fan_out.cache_clear()


def hasty(definition: dict[str, Any]) -> None:
    """Retries after a second, the other states as they are."""
    states = definition["States"]
    for state in (
        *states.values(),
        *states["Ingest all parts"]["ItemProcessor"]["States"].values(),
    ):
        for retry in state.get("Retry", ()):
            retry["IntervalSeconds"] = 1


def put_targets(**targets: object) -> None:
    for name, value in targets.items():
        boto3.client("ssm").put_parameter(
            Name=f"{TARGETS}{name}", Type="String", Value=json.dumps(value)
        )


def ledger(url: str) -> list[dict[str, Any]]:
    """The runs, the whole first, then its parts."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(
            "SELECT * FROM ingest_runs ORDER BY part NULLS FIRST, started_at"
        ).fetchall()


def instances(url: str) -> dict[str, tuple[str, str]]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT instance_id, account_id, region FROM instances")
        return {row[0]: (row[1], row[2]) for row in found}


def test_two_accounts_two_regions_and_a_denied_one(
    machine: Machine, sts: Sts, database_url: str
) -> None:
    expected: dict[str, tuple[str, str]] = {}
    places = [Place(account, region) for account in (ONE, OTHER) for region in REGIONS]
    for place in places:
        for id_ in place.launch(2, "web"):
            place.publish(id_, cpu=10.0)
            expected[id_] = place.account_id, place.region
        place.launch(1, "other")
    denied = {"account_id": DENIED, "region": REGIONS[0], "role_arn": role(DENIED)}
    sts.denied = {role(DENIED)}
    put_targets(
        a=[place.target(selector={"tag:Name": ["web"]}) for place in places],
        b=denied | {"selector": {"tag:Name": ["web"]}},
    )

    execution = machine.run(EVENT)

    assert execution["status"] == "FAILED"
    assert execution["error"] == "IncompleteRunError"
    assert f"{DENIED} {REGIONS[0]}: {role(DENIED)} cannot be assumed" in execution["cause"]
    assert instances(database_url) == expected
    assert len(stored_rows(database_url)) == 16
    whole, *parts = ledger(database_url)
    assert [(run["account_id"], run["region"], run["status"]) for run in parts] == [
        *((place.account_id, place.region, "ok") for place in places),
        (DENIED, REGIONS[0], "failed"),
    ]
    assert {run["parent_run_id"] for run in parts} == {whole["run_id"]}
    assert {run["trigger"] for run in parts} == {"fan-out"}
    assert len({(run["window_start"], run["window_end"]) for run in (whole, *parts)}) == 1
    assert "sts:AssumeRole" in parts[-1]["error"]
    assert (whole["status"], whole["trigger"]) == ("partial", "schedule")
    assert (whole["instances_requested"], whole["instances_ok"]) == (8, 8)
    assert (whole["rows_inserted"], whole["metrics_billed"]) == (16, 24)
    assert whole["finished_at"] is not None
    (failure,) = whole["failures"]
    assert (failure["account_id"], failure["region"], failure["part"]) == (DENIED, REGIONS[0], 4)
    assert machine.functions.at_once <= 2


def test_a_whole_fan_out_succeeds_with_the_summary_as_its_output(
    machine: Machine, database_url: str
) -> None:
    place = Place(ONE, REGIONS[1])
    (id_,) = place.launch(1, "web")
    place.publish(id_, cpu=10.0)
    put_targets(a=place.target(selector={"tag:Name": ["web"]}))
    execution = machine.run(EVENT)
    assert execution["status"] == "SUCCEEDED"
    output = json.loads(execution["output"])
    assert output["parts"] == {"planned": 1, "ok": 1, "partial": 0, "failed": 0}
    assert output["rows"] == {"inserted": 2, "updated": 0, "unchanged": 0}
    again = json.loads(machine.run(EVENT)["output"])
    assert again["rows"] == {"inserted": 0, "updated": 0, "unchanged": 2}
    assert again["run_id"] != output["run_id"]


def test_a_large_target_is_read_in_slices(
    machine: Machine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_INSTANCES_PER_PART", "2")
    place = Place(OTHER, REGIONS[0])
    ids = [instance_id(number) for number in range(5)]
    for id_ in ids:
        place.publish(id_, cpu=20.0)
    place.client("ssm").put_parameter(Name="/fleet/a", Type="StringList", Value=",".join(ids[2:]))
    place.client("ssm").put_parameter(Name="/fleet/b", Type="StringList", Value=",".join(ids[:2]))
    put_targets(a=place.target(parameter="/fleet/"))
    execution = machine.run(EVENT)
    assert execution["status"] == "SUCCEEDED"
    assert instances(database_url) == dict.fromkeys(ids, (OTHER, REGIONS[0]))
    assert len(stored_rows(database_url)) == 10
    whole, *parts = ledger(database_url)
    assert [run["instances_requested"] for run in parts] == [1, 2, 2]
    assert whole["instances_ok"] == 5
    # Three neighbours, two of them at a time.
    assert {event["part_of"]["quota_share"] for event in machine.functions.parts()} == {0.5}


def test_the_own_account_needs_no_role(machine: Machine, sts: Sts, database_url: str) -> None:
    ids = [instance_id(1)]
    put_targets(a={"account_id": HOME, "region": REGIONS[1], "instance_ids": ids})
    assert machine.run(EVENT)["status"] == "SUCCEEDED"
    assert sts.assumed == []
    assert instances(database_url) == {ids[0]: (HOME, REGIONS[1])}


def test_a_part_that_fails_once_is_tried_again_and_counts_as_its_last_attempt(
    machine: Machine, database_url: str
) -> None:
    place = Place(ONE, REGIONS[0])
    ids = place.launch(2, "web")
    for id_ in ids:
        place.publish(id_, cpu=30.0)
    put_targets(a=place.target(selector={"tag:Name": ["web"]}))
    allowed = iter((10.0, 60.0))
    machine.functions.seconds = lambda event: next(allowed) if "part_of" in event else 60.0
    execution = machine.run(EVENT)
    assert execution["status"] == "SUCCEEDED"
    whole, first, second = ledger(database_url)
    assert (first["part"], first["status"]) == (0, "failed")
    assert (second["part"], second["status"]) == (0, "ok")
    assert (whole["status"], whole["instances_ok"], whole["rows_inserted"]) == ("ok", 2, 4)


def test_a_part_that_never_began_counts_as_failed_with_all_that_was_expected(
    machine: Machine, database_url: str
) -> None:
    here, there = Place(ONE, REGIONS[0]), Place(ONE, REGIONS[1])
    put_targets(
        a=[
            here.target(instance_ids=[instance_id(1)]),
            there.target(instance_ids=[instance_id(2), instance_id(3)]),
        ]
    )

    def broken(event: dict[str, Any]) -> float:
        if event.get("target", {}).get("region") == there.region:
            raise ImportError("no layer")
        return 60.0

    machine.functions.seconds = broken
    execution = machine.run(EVENT)
    assert execution["status"] == "FAILED"
    assert f"{ONE} {there.region}: {NEVER_SEEN}" in execution["cause"]
    whole, _ = ledger(database_url)
    assert (whole["status"], whole["instances_empty"], whole["instances_failed"]) == (
        "partial", 1, 2,
    )  # fmt: skip


def test_one_wrong_target_and_nothing_runs(machine: Machine, database_url: str) -> None:
    place = Place(ONE, REGIONS[0])
    put_targets(
        a=place.target(selector={"tag:Name": ["web"]}),
        b=[place.target(selector={"tag:Name": ["web"]}), place.target(tags={})],
    )
    execution = machine.run(EVENT)
    assert execution["status"] == "FAILED"
    assert execution["error"] == "ConfigurationError"
    assert f"{TARGETS}b, target 1 has an unknown key 'tags'" in execution["cause"]
    assert ledger(database_url) == []
    assert machine.functions.parts() == []


def test_another_account_without_a_role_is_refused(machine: Machine) -> None:
    put_targets(a={"account_id": ONE, "region": REGIONS[0], "instance_ids": [instance_id(1)]})
    execution = machine.run(EVENT)
    assert execution["status"] == "FAILED"
    assert f"is in account {ONE} and has no role_arn" in execution["cause"]


def test_a_dry_run_shows_the_plan_and_runs_nothing(
    machine: Machine, sts: Sts, database_url: str
) -> None:
    place = Place(ONE, REGIONS[0])
    place.launch(3, "web")
    sts.denied = {role(OTHER)}
    web = {"selector": {"tag:Name": ["web"]}}
    put_targets(a=[place.target(**web), Place(OTHER, REGIONS[1]).target(**web)])
    execution = machine.run(EVENT | {"dry_run": True})
    assert execution["status"] == "SUCCEEDED"
    plan = json.loads(execution["output"])
    assert [part["expected"] for part in plan["parts"]] == [3, None]
    assert (plan["start"], plan["end"]) == ("2026-11-23T08:00:00Z", "2026-11-23T10:00:00Z")
    (unresolved,) = plan["unresolved"]
    assert unresolved["account_id"] == OTHER
    assert "sts:AssumeRole" in unresolved["reason"]
    assert ledger(database_url) == []
    assert machine.functions.parts() == []
