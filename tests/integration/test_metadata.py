"""Machines and types in Postgres: as they are, as they were, and nothing written for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from ingest_fn.aws.clients import Clients
from ingest_fn.discovery.types import describe_types
from ingest_fn.errors import ConfigurationError
from ingest_fn.local.aws import LocalAws
from ingest_fn.pipeline.catalogue import CATALOGUE
from ingest_fn.pipeline.machine import CREDITS_PER_HOUR, Machine, MachineType
from ingest_fn.pipeline.rows import make_rows
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metadata import Noted, PostgresMetadata
from ingest_fn.postgres.metrics import PostgresMetrics
from ingest_fn.postgres.schema.roles import _GRANTS
from tests.making import END, instance_id, reading
from tests.postgres import settings

REGION = "eu-central-1"
ONE, TWO, THREE = (instance_id(number) for number in (1, 2, 3))
LAUNCH = int(datetime(2026, 11, 1, 8, tzinfo=UTC).timestamp())
HOUR = timedelta(hours=1)
ROLE = "metadata_runtime"


def machine(instance_id: str = ONE, **more: Any) -> Machine:
    given: dict[str, Any] = {
        "instance_type": "m7g.large",
        "state": "running",
        "launched_at": LAUNCH,
        "started_at": LAUNCH,
        "name": "web",
        "tags": {"Name": "web", "Env": "prod"},
    }
    return Machine(instance_id, **(given | more))


def look(*machines: Machine) -> dict[str, Machine]:
    return {one.instance_id: one for one in machines}


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A superuser's, to look at what was written."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def runtime_connections(url: str) -> Connections:
    """Those of a role that has what the runtime role is granted, and nothing more."""
    names = {"schema": Identifier("public"), "runtime": Identifier(ROLE)}
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(SQL("CREATE ROLE {}").format(Identifier(ROLE)))
        for grant in _GRANTS:
            connection.execute(SQL(grant).format(**names))
    joint = "&" if "?" in url else "?"
    as_role = f"{url}{joint}options={quote(f'-c role={ROLE}')}"
    return Connections(login_for(settings(as_role), None))


@pytest.fixture
def connections(database_url: str) -> Iterator[Connections]:
    with closing(runtime_connections(database_url)) as made:
        yield made


@pytest.fixture
def metadata(connections: Connections) -> PostgresMetadata:
    return PostgresMetadata(connections, REGION)


def history(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT instances.instance_id, changes.instance_type, changes.state, changes.name, "
        "valid_from, valid_to FROM instance_changes AS changes "
        "JOIN instances ON instances.id = changes.instance_id ORDER BY 1, valid_from"
    ).fetchall()


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_the_test_role_is_not_a_superuser(connections: Connections) -> None:
    with pytest.raises(ConfigurationError, match="may not do this"):
        connections.do(lambda connection: connection.execute("DELETE FROM instances"))


def test_what_ec2_says_is_kept(metadata: PostgresMetadata, connection: psycopg.Connection) -> None:
    described = machine(
        availability_zone="eu-central-1a",
        platform="Windows",
        lifecycle="spot",
        architecture="x86_64",
    )
    assert metadata.note(look(described), END) == Noted(created=1, periods=1)
    columns = (
        "instance_id, region, account_id, name, instance_type, state, launched_at, "
        "availability_zone, platform, lifecycle, architecture, tags"
    )
    assert connection.execute(f"SELECT {columns} FROM instances").fetchall() == [
        (
            *(ONE, REGION, None, "web", "m7g.large", "running", at(LAUNCH), "eu-central-1a"),
            *("Windows", "spot", "x86_64", {"Name": "web", "Env": "prod"}),
        )
    ]
    assert history(connection) == [(ONE, "m7g.large", "running", "web", at(LAUNCH), None)]


def test_a_known_instance_is_described_when_ec2_is_first_asked(
    metadata: PostgresMetadata, connections: Connections, connection: psycopg.Connection
) -> None:
    """It was read by its id so far, and in the wrong Region."""
    PostgresMetrics(connections, "us-east-1").write(make_rows([reading(ONE, {})]))
    assert metadata.note(look(machine()), END) == Noted(changed=1, periods=1)
    row = connection.execute("SELECT region, name FROM instances").fetchone()
    assert row == (REGION, "web")


def versions(connection: psycopg.Connection) -> list[Any]:
    tables = ("instances", "instance_changes")
    return [
        connection.execute(
            f"SELECT array_agg((ctid, xmin, xmax)::text ORDER BY ctid) FROM {table}"
        ).fetchone()
        for table in tables
    ]


def test_a_look_that_finds_nothing_new_writes_nothing(
    metadata: PostgresMetadata, connection: psycopg.Connection
) -> None:
    fleet = look(*(machine(instance_id(n), name=f"web-{n}") for n in range(200)))
    metadata.note(fleet, END)
    before = versions(connection)
    wal = "SELECT pg_current_wal_insert_lsn() - '0/0'"
    written = []
    for hour in range(1, 6):
        ((start,),) = connection.execute(wal).fetchall()
        assert metadata.note(fleet, END + hour * HOUR, shown=fleet.keys()) == Noted()
        ((end,),) = connection.execute(wal).fetchall()
        written.append(end - start)
    # The server writes a few bytes of its own now and then: one quiet look of five is enough.
    assert min(written) == 0
    assert versions(connection) == before


def test_only_the_rows_that_changed_are_written(
    metadata: PostgresMetadata, connection: psycopg.Connection
) -> None:
    metadata.note(look(machine(ONE), machine(TWO)), END)
    changed = machine(TWO, tags={"Name": "web", "Env": "dev"})
    assert metadata.note(look(machine(ONE), changed), END + HOUR) == Noted(changed=1)
    (row,) = connection.execute('SELECT tags FROM instances WHERE tags @> \'{"Env": "dev"}\'')
    assert row[0]["Env"] == "dev"


def test_a_stop_a_resize_and_a_rename_are_history(
    metadata: PostgresMetadata, connection: psycopg.Connection
) -> None:
    stop, start = LAUNCH + 7_200, LAUNCH + 10_800
    metadata.note(look(machine()), at(LAUNCH + 600))
    metadata.note(look(machine(state="stopped", state_since=stop)), at(stop + 600))
    larger = machine(instance_type="m7g.xlarge", started_at=start)
    assert metadata.note(look(larger), at(start + 600)) == Noted(changed=1, periods=1)
    metadata.note(look(larger._replace(name="db", tags={"Name": "db"})), at(start + 4_200))
    assert history(connection) == [
        (ONE, "m7g.large", "running", "web", at(LAUNCH), at(stop)),
        (ONE, "m7g.large", "stopped", "web", at(stop), at(start)),
        (ONE, "m7g.xlarge", "running", "web", at(start), at(start + 4_200)),
        (ONE, "m7g.xlarge", "running", "db", at(start + 4_200), None),
    ]
    (row,) = connection.execute("SELECT launched_at, instance_type, name FROM instances")
    assert row == (at(LAUNCH), "m7g.xlarge", "db"), "the first launch stays"


def test_the_first_launch_only_moves_back(
    metadata: PostgresMetadata, connection: psycopg.Connection
) -> None:
    metadata.note(look(machine(launched_at=LAUNCH)), END)
    assert metadata.note(look(machine(launched_at=LAUNCH + 50)), END) == Noted()
    assert metadata.note(look(machine(launched_at=LAUNCH - 50)), END) == Noted(changed=1)
    (row,) = connection.execute("SELECT launched_at FROM instances")
    assert row == (at(LAUNCH - 50),)


def test_what_a_look_at_everything_does_not_show_is_terminated(
    connections: Connections, metadata: PostgresMetadata, connection: psycopg.Connection
) -> None:
    elsewhere = PostgresMetadata(connections, "us-east-1")
    other_account = PostgresMetadata(connections, REGION, "111111111111")
    metadata.note(look(machine(ONE), machine(TWO)), END)
    elsewhere.note(look(machine(THREE)), END)
    other_account.note(look(machine(instance_id(4))), END)

    assert metadata.note(look(machine(ONE)), END + HOUR) == Noted(), "a look by tag proves nothing"
    excluded = metadata.note(look(machine(ONE)), END + HOUR, shown={ONE, TWO})
    assert excluded == Noted(), "TWO is there, but not chosen"
    gone = metadata.note(look(machine(ONE)), END + HOUR, shown={ONE})
    assert gone == Noted(changed=1, periods=1, terminated=(TWO,))
    assert metadata.note(look(machine(ONE)), END + 2 * HOUR, shown={ONE}) == Noted()

    found = "SELECT instance_id FROM instances WHERE state = 'terminated'"
    assert connection.execute(found).fetchall() == [(TWO,)]
    assert history(connection)[1:3] == [
        (TWO, "m7g.large", "running", "web", at(LAUNCH), END + HOUR),
        (TWO, "m7g.large", "terminated", "web", END + HOUR, None),
    ]


def test_a_terminated_machine_keeps_the_tags_that_it_had(
    metadata: PostgresMetadata, connection: psycopg.Connection
) -> None:
    metadata.note(look(machine()), END)
    dead = machine(state="terminated", state_since=LAUNCH + 3_600, name=None, tags={})
    metadata.note(look(dead), END + HOUR)
    (row,) = connection.execute("SELECT state, name, tags FROM instances")
    assert row == ("terminated", "web", {"Name": "web", "Env": "prod"})
    assert history(connection)[-1][2:5] == ("terminated", "web", at(LAUNCH + 3_600))


def test_types_are_asked_for_when_one_is_unknown_or_a_month_has_passed(
    metadata: PostgresMetadata,
) -> None:
    kinds = [MachineType("m7g.large", 2, 8_192, "arm64")]
    assert metadata.types_are_stale(["m7g.large"], END)
    metadata.keep_types(kinds, END)
    assert not metadata.types_are_stale(["m7g.large"], END)
    assert not metadata.types_are_stale(["m7g.large", "x9.new"], END + 23 * HOUR)
    assert metadata.types_are_stale(["m7g.large", "x9.new"], END + 25 * HOUR)
    assert not metadata.types_are_stale(["m7g.large"], END + 29 * 24 * HOUR)
    assert metadata.types_are_stale([], END + 31 * 24 * HOUR)
    metadata.keep_types(kinds, END + 31 * 24 * HOUR)
    assert not metadata.types_are_stale(["m7g.large"], END + 32 * 24 * HOUR)


def test_types_as_ec2_describes_them(
    aws: LocalAws, metadata: PostgresMetadata, connection: psycopg.Connection
) -> None:
    types = describe_types(Clients(aws.region, 1))
    assert len(types) > 1_000
    metadata.keep_types(types, END)
    columns = (
        "instance_type, vcpus, memory_mib, architecture, gpus, instance_storage_gib, "
        "burst_baseline_percent, network_baseline_mbps, ebs_baseline_mbps, hypervisor"
    )
    found = {row[0]: row[1:] for row in connection.execute(f"SELECT {columns} FROM instance_types")}
    assert len(found) == len(types)
    assert found["m5.large"] == (2, 8_192, "x86_64", 0, 0, None, 750, 650, "nitro")
    assert found["t3.micro"][:6] == (2, 1_024, "x86_64", 0, 0, 10)
    assert found["m5d.large"][4] == 75
    assert found["g4dn.xlarge"][3] == 1
    burstable = {name for name, row in found.items() if row[5] is not None}
    assert len(burstable) == 28, "t2, t3, t3a and t4g"
    assert {name.split(".")[0] for name in burstable} == {"t2", "t3", "t3a", "t4g"}
    assert {name.split(".")[1] for name in burstable} == set(CREDITS_PER_HOUR["t3"])
    assert (found["t2.xlarge"][5], found["t2.2xlarge"][5]) == (22.5, 17)
    assert (found["t4g.2xlarge"][5], found["t3a.nano"][5]) == (40, 5)


def test_the_type_of_an_instance_says_which_metrics_it_can_have(
    metadata: PostgresMetadata,
) -> None:
    small = MachineType("t4g.small", 2, 2_048, "arm64", 0, 0, 20.0, 128.0, 174.0, 2_085.0, "nitro")
    metadata.keep_types([small], END)
    metadata.note(look(machine(ONE, instance_type="t4g.small"), machine(TWO)), END)
    assert metadata.types_of([ONE, TWO, THREE]) == {ONE: small}


def test_every_column_of_the_catalogue_is_there_with_its_type_and_its_comment(
    connection: psycopg.Connection,
) -> None:
    found = connection.execute(
        "SELECT attname, format_type(atttypid, NULL), col_description(attrelid, attnum) "
        "FROM pg_attribute WHERE attrelid = 'metrics'::regclass AND attnum > 0"
    )
    columns = {name: (kind, comment) for name, kind, comment in found}
    for entry in CATALOGUE:
        kind, comment = columns[entry.column]
        assert comment
        assert kind == entry.sql_type
