"""The made-up fleet in the emulator's EC2, and the verdicts on it."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from time import process_time

import boto3
import psycopg

from ingest_fn.aws.clients import Clients
from ingest_fn.discovery.agent import published_memory
from ingest_fn.discovery.resolve import resolve
from ingest_fn.local.aws import LocalAws
from ingest_fn.local.synthetic.ec2 import launch
from ingest_fn.local.synthetic.fleet import make_fleet
from ingest_fn.local.synthetic.history import described, looks
from ingest_fn.local.synthetic.metrics import readings
from ingest_fn.local.synthetic.publish import publish
from ingest_fn.local.synthetic.types import synthetic_types
from ingest_fn.pipeline.agent import memory_series
from ingest_fn.pipeline.catalogue import statistics_for
from ingest_fn.pipeline.model import HOUR, Window
from ingest_fn.pipeline.rows import make_rows
from ingest_fn.pipeline.statistic import Need
from ingest_fn.postgres.metadata import PostgresMetadata
from ingest_fn.request.selection import parse_selection
from tests.making import DAY, END
from tests.postgres import PostgresStore

REGION = "eu-central-1"
FLEET = list(make_fleet(40, 5, END))


def test_the_emulator_shows_the_fleet_as_it_is(aws: LocalAws) -> None:
    everything = parse_selection("all", where="here")
    for time in (END - 6 * 24 * HOUR, END):
        launch(FLEET, time, REGION)
        found = resolve(everything, Clients(aws.region, 1), DAY, now=time)
        at = int(time.timestamp())
        assert found.described == {
            machine.instance_id: one for machine in FLEET if (one := described(machine, at))
        }
        assert found.not_due == 2, "those that are stopped for good"


def test_each_agent_belongs_to_its_machine(aws: LocalAws) -> None:
    launch(FLEET, END, REGION)
    publish(boto3.client("cloudwatch"), FLEET, Window(END - HOUR, END))
    everything = parse_selection("all", where="here")
    machines = resolve(everything, Clients(aws.region, 1), DAY, now=END).described
    assert machines is not None
    learnt = memory_series(machines, published_memory(boto3.client("cloudwatch")))
    in_that_hour = {
        reading.instance_id
        for reading in readings(FLEET, Window(END - HOUR, END))
        if reading.datapoints
    }
    for machine in FLEET:
        if machine.instance_id in in_that_hour:
            assert learnt[machine.instance_id].series == machine.agent


def test_every_machine_gets_the_verdict_that_it_is_labelled_with(database_url: str) -> None:
    """Without prices, so that only the same family is suggested."""
    fortnight = Window(END - 14 * 24 * HOUR, END)
    statistics = statistics_for(frozenset(), frozenset({Need.AGENT}))
    with closing(PostgresStore(database_url)) as store:
        metadata = PostgresMetadata(store.connections, REGION)
        store.connections.do(
            lambda connection: connection.execute(
                "SELECT ensure_metrics_partitions(%s, %s)", [fortnight.start, fortnight.end]
            )
        )
        metadata.keep_types(synthetic_types(), END)
        for hour, machines in looks(FLEET, fortnight):
            metadata.note(machines, datetime.fromtimestamp(hour, UTC))
        store.write(make_rows(list(readings(FLEET, fortnight, None, statistics)), statistics))
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT instance_id, verdict, reason FROM verdicts(%s)", [END])
        verdicts = {row[0]: row[1:] for row in found}
    wrong = {
        machine.label: (machine.verdict, *verdicts[machine.instance_id])
        for machine in FLEET
        if verdicts[machine.instance_id][0] != machine.verdict
    }
    assert wrong == {}
    assert len(Counter(verdict for verdict, _ in verdicts.values())) == 7


def test_a_large_fleet_is_made_cheaply() -> None:
    begun = process_time()
    assert sum(1 for _ in make_fleet(10_000, 1, END)) == 10_000
    assert process_time() - begun < 2
