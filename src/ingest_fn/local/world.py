"""A made-up world: a fleet in an emulated AWS, in a Region of its own, and its tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import boto3
import psycopg

from ingest_fn.errors import ConfigurationError
from ingest_fn.local.aws import LocalAws
from ingest_fn.local.synthetic.ec2 import launch
from ingest_fn.local.synthetic.fleet import Machine, make_fleet
from ingest_fn.local.synthetic.publish import publish
from ingest_fn.local.synthetic.types import synthetic_types
from ingest_fn.pipeline.model import Window
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metadata import PostgresMetadata
from ingest_fn.postgres.schema.upgrade import upgrade
from ingest_fn.settings import database

PARAMETER = "/hourmeter/instance-ids"
MADE_UP = "local-"
"""How the Regions of machines begin that do not exist."""

HISTORY = timedelta(days=15)

_OTHERS = """
SELECT EXISTS (
    SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname !~ '^(pg_|information_schema)'
), to_regclass('instances') IS NOT NULL AND to_regclass('ingest_runs') IS NOT NULL
"""
_REAL = "SELECT EXISTS (SELECT FROM instances WHERE region NOT LIKE 'local-%')"


def check_not_in_use(url: str) -> None:
    """Raise ConfigurationError where the database holds anything but made-up machines."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            tables, ours = connection.execute(_OTHERS).fetchone() or (False, False)
            real = connection.execute(_REAL).fetchone() if ours else None
    except psycopg.Error as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigurationError(
            f"The database of DATABASE_URL does not answer: {said}", "Unset it, or correct it."
        ) from error
    if (real and real[0]) or (tables and not ours):
        raise ConfigurationError(
            "The database of DATABASE_URL holds other data, and make run stores made-up machines.",
            "Unset DATABASE_URL, or say make run ARGS=--into-my-database; "
            "synthetic --remove takes them out again.",
        )


@contextmanager
def only_local(aws: LocalAws) -> Iterator[None]:
    """The emulator for every AWS client inside, whatever the shell says."""
    before = dict(os.environ)
    aws.take_over(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def prepare(url: str, region: str) -> tuple[str | None, str | None]:
    """Make the tables, with what the made-up types have; the schema's revision before and after."""
    login = login_for(database({"DATABASE_URL": url}), None)
    revisions = upgrade(login)
    types = synthetic_types()
    with closing(Connections(login)) as connections:
        metadata = PostgresMetadata(connections, region)
        # The emulator would take seconds to say what all types have.
        metadata.keep_types(types, datetime.now(UTC))
    return revisions


def populate(instances: int, seed: int, window: Window, region: str) -> Sequence[Machine]:
    """The fleet in EC2 as it is at the end of ``window``, its metrics, and ``all`` in SSM."""
    fleet = list(make_fleet(instances, seed, window.end))
    publish(boto3.client("cloudwatch"), fleet, window)
    launch(fleet, window.end, region)
    boto3.client("ssm").put_parameter(Name=PARAMETER, Type="String", Value="all", Overwrite=True)
    return fleet
