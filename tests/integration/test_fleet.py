"""The whole fleet by itself: found, described, remembered, and read as far as each can be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import boto3
import psycopg
import pytest

from ingest_fn.backfill import plan_backfill, run_backfill
from ingest_fn.ingester import Ingester
from ingest_fn.local.aws import LocalAws
from ingest_fn.local.synthetic.ec2 import launch, show
from ingest_fn.local.synthetic.fleet import Kind, make_fleet
from ingest_fn.local.synthetic.history import described
from ingest_fn.local.synthetic.publish import publish
from ingest_fn.local.synthetic.types import synthetic_types
from ingest_fn.pipeline.model import HOUR, Window
from ingest_fn.postgres.metadata import PostgresMetadata
from ingest_fn.wiring import Parts
from tests.making import END
from tests.postgres import PostgresStore

PARAMETER = "/fleet"
FLEET = [machine for machine in make_fleet(20, 3, END) if machine.kind is not Kind.THIN]
BY_ID = {machine.instance_id: machine for machine in FLEET}
HOURS = Window(END - 3 * HOUR, END)
NOW = END + timedelta(minutes=15)
RUNNING = [machine for machine in FLEET if machine.kind is not Kind.STOPPED]


@pytest.fixture
def env(aws: LocalAws, database_url: str) -> dict[str, str]:
    """An emulator with the fleet, and a database that knows the types: the emulator is slow."""
    launch(FLEET, END, aws.region)
    publish(boto3.client("cloudwatch"), FLEET, HOURS)
    boto3.client("ssm").put_parameter(Name=PARAMETER, Type="String", Value="all")
    with closing(PostgresStore(database_url)) as store:
        PostgresMetadata(store.connections, aws.region).keep_types(synthetic_types(), END)
    given = {
        "DATABASE_URL": database_url,
        "INSTANCE_IDS_PARAMETER": PARAMETER,
        "FIRST_LOOKBACK_HOURS": "3",
        "LOOKBACK_HOURS": "3",
    }
    return aws.environment() | given


def ingest(env: dict[str, str], event: dict[str, Any] | None = None, **more: str) -> dict[str, Any]:
    with closing(Ingester(env | more)) as ingester:
        result = ingester.ingest(event or {}, now=NOW, time_left=lambda: math.inf)
        return result.as_dict()


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def versions(connection: psycopg.Connection) -> list[Any]:
    tables = ("instance_changes", "instance_types", "agent_metrics")
    return [
        connection.execute(
            f"SELECT array_agg((ctid, xmin)::text ORDER BY ctid) FROM {table}"
        ).fetchone()
        for table in tables
    ]


def test_all_is_all_that_anyone_has_to_say(
    env: dict[str, str], connection: psycopg.Connection
) -> None:
    result = ingest(env)
    assert result["status"] == "ok"
    assert result["instances"]["requested"] == len(RUNNING)
    assert result["instances"]["not_due"] == len(FLEET) - len(RUNNING) == 1
    assert result["warnings"] == []
    found = connection.execute(
        "SELECT instance_id, name, instance_type, state, tags->>'Team', "
        "extract(epoch FROM launched_at)::bigint FROM instances"
    ).fetchall()
    assert {row[0]: row[1:] for row in found} == {
        machine.instance_id: (
            machine.name,
            machine.instance_type,
            "stopped" if machine.kind is Kind.STOPPED else "running",
            machine.team,
            machine.launched,
        )
        for machine in FLEET
    }
    memory = connection.execute(
        "SELECT instances.instance_id, bool_and(memory_utilization > 0), "
        "bool_and(memory_utilization_max >= memory_utilization) FROM metrics "
        "JOIN instances ON instances.id = metrics.instance_id GROUP BY 1"
    ).fetchall()
    assert len(memory) == len(RUNNING)
    for instance_id, *has in memory:
        assert has == ([None, None] if BY_ID[instance_id].agent is None else [True, True])
    with_agent = sum(machine.agent is not None for machine in RUNNING)
    assert result["cloudwatch"]["metrics_billed"] == 3 * len(RUNNING) + with_agent
    reasons = connection.execute("SELECT count(*) FROM agent_metrics WHERE reason = 'no_agent'")
    assert reasons.fetchone() == (len(RUNNING) - with_agent,)


def test_the_steady_run_writes_no_metadata(
    env: dict[str, str], connection: psycopg.Connection
) -> None:
    """Apart from the mark up to which an instance was read."""
    machines = "SELECT (to_jsonb(i) - 'read_until')::text FROM instances AS i ORDER BY id"
    ingest(env)
    as_described, before = connection.execute(machines).fetchall(), versions(connection)
    again = ingest(env)
    assert again["rows"]["inserted"] == again["rows"]["updated"] == 0
    assert versions(connection) == before
    assert connection.execute(machines).fetchall() == as_described


def test_a_dry_run_keeps_nothing(env: dict[str, str], connection: psycopg.Connection) -> None:
    result = ingest(env, {"dry_run": True})
    assert result["instances"]["requested"] == len(RUNNING)
    for table in ("instances", "instance_changes", "agent_metrics"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_further_metrics_are_asked_of_machines_that_can_have_them(env: dict[str, str]) -> None:
    plain = ingest(env, {"dry_run": True})["cloudwatch"]["metrics_billed"]
    every = ingest(env, {"dry_run": True}, METRICS="credits,status_check")
    burstable = sum(machine.instance_type.startswith("t4g") for machine in RUNNING)
    assert 0 < burstable < len(RUNNING)
    assert every["cloudwatch"]["metrics_billed"] == plain + len(RUNNING) + 2 * burstable
    widened = ingest(env, {"dry_run": True}, METRICS="network_max")
    assert widened["cloudwatch"]["metrics_billed"] == plain, "it is the same request"
    assert ingest(env, {}, METRICS="network_max")["status"] == "ok"


def test_nothing_matched_is_a_warning_that_says_what_was_searched(env: dict[str, str]) -> None:
    result = ingest(env, {"instances": ["tag:Team=nobody"]})
    assert (result["status"], result["instances"]["requested"]) == ("ok", 0)
    assert result["warnings"] == ["Nothing matched: instances of tag:Team=nobody."]


def test_a_terminated_machine_is_noticed_by_its_absence(
    env: dict[str, str], connection: psycopg.Connection
) -> None:
    ingest(env)
    gone, *rest = RUNNING
    at = int(END.timestamp())
    show([one for machine in rest if (one := described(machine, at))], "eu-central-1")
    result = ingest(env)
    assert result["instances"]["requested"] == len(rest)
    state = "SELECT state FROM instances WHERE instance_id = %s"
    found = connection.execute(state, [gone.instance_id])
    assert found.fetchone() == ("terminated",)


def test_ids_alone_ask_neither_ec2_nor_agents(
    env: dict[str, str], connection: psycopg.Connection
) -> None:
    machine = next(machine for machine in RUNNING if machine.agent is not None)
    event = {"instance_ids": [machine.instance_id]}
    assert ingest(env, event)["cloudwatch"]["metrics_billed"] == 3
    found = connection.execute("SELECT name, state FROM instances").fetchall()
    assert found == [(None, None)]


def test_memory_of_named_instances_is_read_where_it_is_asked_for(env: dict[str, str]) -> None:
    machine = next(
        machine
        for machine in RUNNING
        if machine.agent is not None and machine.agent.dimensions[0][0] != "host"
    )
    event = {"instance_ids": [machine.instance_id]}
    assert ingest(env, event, METRICS="memory")["cloudwatch"]["metrics_billed"] == 4


def test_a_backfill_reads_the_memory_of_agents_that_are_known(
    env: dict[str, str], connection: psycopg.Connection
) -> None:
    ingest(env, FIRST_LOOKBACK_HOURS="1", LOOKBACK_HOURS="1")
    ids = sorted(machine.instance_id for machine in RUNNING if machine.agent is not None)
    with closing(Parts(env)) as parts:
        backfill = plan_backfill(parts, ids, start=HOURS.start, end=None, now=NOW)
        results = list(run_backfill(parts, backfill, now=NOW))
    assert {result.status for result in results} == {"ok"}
    found = connection.execute(
        "SELECT count(*) FROM metrics WHERE timestamp < %s "
        "AND (memory_utilization IS NULL OR memory_utilization_max IS NULL)",
        [END - HOUR],
    )
    assert found.fetchone() == (0,)
    asked = connection.execute("SELECT count(*) FROM metrics WHERE timestamp < %s", [END - HOUR])
    assert asked.fetchone() != (0,)
