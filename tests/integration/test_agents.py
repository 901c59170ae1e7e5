"""Agents' series: found through ListMetrics, kept, learnt again, and not written for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import boto3
import psycopg
import pytest

from ingest_fn.discovery.agent import published_memory
from ingest_fn.local.aws import LocalAws
from ingest_fn.pipeline.agent import AgentSeries, Learnt, NoMemory
from ingest_fn.postgres.agents import LOOK_AGAIN, PostgresAgents
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.metadata import PostgresMetadata
from tests.integration.test_metadata import look, machine, runtime_connections
from tests.making import END, instance_id

ONE, TWO, THREE = (instance_id(number) for number in (1, 2, 3))
LINUX = AgentSeries("mem_used_percent", (("InstanceId", ONE),))
WINDOWS = AgentSeries(
    "Memory % Committed Bytes In Use", (("InstanceId", TWO), ("objectname", "Memory"))
)
NONE = Learnt(None, NoMemory.NO_AGENT)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def connections(database_url: str) -> Iterator[Connections]:
    with closing(runtime_connections(database_url)) as made:
        PostgresMetadata(made, "eu-central-1").note(look(machine(ONE), machine(TWO)), END)
        yield made


@pytest.fixture
def agents(connections: Connections) -> PostgresAgents:
    return PostgresAgents(connections, "eu-central-1")


def test_both_systems_are_found_whatever_their_dimensions(aws: LocalAws) -> None:
    client = boto3.client("cloudwatch")
    for series in (LINUX, WINDOWS):
        dimensions = [{"Name": name, "Value": value} for name, value in series.dimensions]
        data = {"MetricName": series.metric, "Dimensions": dimensions, "Value": 40.0}
        other = {"MetricName": "disk_used_percent", "Dimensions": dimensions, "Value": 9.0}
        client.put_metric_data(Namespace="CWAgent", MetricData=[data, other])
        client.put_metric_data(Namespace="Elsewhere", MetricData=[data])
    assert set(published_memory(client)) == {LINUX, WINDOWS}


def test_what_is_learnt_is_known_next_time(agents: PostgresAgents) -> None:
    assert agents.known([ONE, TWO]) == {}
    learnt = {ONE: Learnt(LINUX), TWO: NONE}
    agents.keep(learnt | {THREE: NONE}, END)
    assert agents.known([ONE, TWO, THREE]) == learnt, "THREE is no known instance"


def test_a_look_is_due_for_the_unknown_at_once_and_for_the_silent_after_a_day(
    agents: PostgresAgents,
) -> None:
    assert agents.look_is_due([ONE], {}, END)
    agents.keep({ONE: Learnt(LINUX), TWO: NONE}, END)
    known = agents.known([ONE, TWO])
    assert not agents.look_is_due([ONE, TWO], known, END + LOOK_AGAIN - MINUTE)
    assert agents.look_is_due([ONE, TWO], known, END + LOOK_AGAIN + MINUTE)
    assert agents.look_is_due([ONE, TWO, THREE], known, END + MINUTE)
    assert not agents.look_is_due([ONE], agents.known([ONE]), END + 30 * LOOK_AGAIN)


def test_a_series_that_falls_silent_is_said_to_have_no_data_until_it_answers_or_changes(
    agents: PostgresAgents,
) -> None:
    agents.keep({ONE: Learnt(LINUX), TWO: NONE}, END)
    agents.heard([], [ONE, TWO], END)
    silent = Learnt(LINUX, NoMemory.NO_DATA)
    assert agents.known([ONE, TWO]) == {ONE: silent, TWO: NONE}
    agents.keep({ONE: Learnt(LINUX)}, END + LOOK_AGAIN)
    assert agents.known([ONE]) == {ONE: silent}, "it is still listed, for two weeks"
    agents.heard([ONE], [], END)
    assert agents.known([ONE]) == {ONE: Learnt(LINUX)}
    agents.heard([], [ONE], END)
    agents.keep({ONE: Learnt(WINDOWS)}, END)
    assert agents.known([ONE]) == {ONE: Learnt(WINDOWS)}
    agents.keep({ONE: NONE}, END)
    assert agents.known([ONE]) == {ONE: NONE}


def test_what_is_known_is_not_written_again(agents: PostgresAgents, database_url: str) -> None:
    learnt = {ONE: Learnt(LINUX), TWO: NONE}
    query = "SELECT array_agg((ctid, xmin)::text ORDER BY ctid) FROM agent_metrics"
    with psycopg.connect(database_url, autocommit=True) as connection:
        agents.keep(learnt, END)
        before = connection.execute(query).fetchone()
        agents.keep(learnt, END + LOOK_AGAIN)
        agents.heard([ONE], [TWO], END + LOOK_AGAIN)
        assert connection.execute(query).fetchone() == before
