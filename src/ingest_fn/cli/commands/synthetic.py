"""``synthetic``: make a fleet and its metrics, for demos and development."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from ingest_fn.aws.clients import Clients
from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import Json, Quiet
from ingest_fn.cli.view import JsonView, View, notify
from ingest_fn.errors import ConfigurationError
from ingest_fn.local.synthetic.fleet import Machine, make_fleet
from ingest_fn.local.synthetic.history import looks
from ingest_fn.local.synthetic.metrics import readings
from ingest_fn.local.synthetic.publish import publish
from ingest_fn.local.synthetic.types import synthetic_types
from ingest_fn.pipeline.arrears import due_by_window
from ingest_fn.pipeline.catalogue import statistics_for
from ingest_fn.pipeline.ingest import run
from ingest_fn.pipeline.model import (
    HOUR,
    NOTHING_ASKED,
    Api,
    Batch,
    Cost,
    Fetched,
    Window,
    utc,
)
from ingest_fn.pipeline.plan import Plan
from ingest_fn.pipeline.pricing import HOURLY_RUNS_A_MONTH
from ingest_fn.pipeline.result import RunInfo, RunResult
from ingest_fn.pipeline.statistic import Need
from ingest_fn.pipeline.wanted import Wanted
from ingest_fn.postgres.arrears import Arrears
from ingest_fn.postgres.connections import Connections
from ingest_fn.postgres.ledger import PostgresLedger
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.metadata import PostgresMetadata
from ingest_fn.postgres.metrics import PostgresMetrics
from ingest_fn.postgres.removal import remove_made_up
from ingest_fn.request.event import parse_event
from ingest_fn.settings import database, region_of

REGION = "local-synthetic-1"
"""Not a Region of AWS, so that synthetic instances are never mistaken for real ones."""

MAX_DAYS = 455

_STATISTICS = statistics_for(frozenset(), frozenset({Need.AGENT}))


def synthetic(
    instances: Annotated[int, typer.Option(min=1, help="How many machines.")] = 10,
    days: Annotated[int, typer.Option(min=1, max=MAX_DAYS, help="How many days of hours.")] = 7,
    seed: Annotated[int, typer.Option(help="The same seed makes the same fleet.")] = 1,
    until: Annotated[
        str | None, typer.Option(help="End, as 2026-11-23T10:00:00Z. [default: the last full hour]")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Write what each machine is to this JSON file.")
    ] = None,
    *,
    to_cloudwatch: Annotated[
        bool, typer.Option("--publish", help="Publish to CloudWatch (an emulator) instead.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove all made-up machines and their rows instead.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a fleet and its metrics, and store them; or publish them to be ingested.

    The machines are web servers, batch workers, databases, idle, oversized, undersized and newly
    launched ones, and more, with names, teams, day and week rhythms, noise and gaps. --labels says
    which is which, and what the verdict on each should be.

    Example: python -m ingest_fn synthetic --instances 100 --days 30 --seed 7
    """
    if remove:
        _remove(as_json=as_json)
        return
    now = datetime.now(UTC)
    event = {"lookback_hours": days * 24} | ({"scheduled_time": until} if until else {})
    window = parse_event(event, now=now, lookback_hours=24).window
    fleet = list(make_fleet(instances, seed, window.end))
    if labels is not None:
        _write(labels, json.dumps([_label(machine) for machine in fleet], indent=1) + "\n")
    if to_cloudwatch:
        clients = Clients(region_of(os.environ), calls_in_flight=1)
        count = publish(clients.make("cloudwatch"), fleet, window)
        said = {"instances": [machine.instance_id for machine in fleet], "published": count}
        print(
            json.dumps(said)
            if as_json
            else f"Published {count:,} entries of {instances:,} machines."
        )
        return
    _store(fleet, window, JsonView() if as_json else View(quiet=quiet))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write {file}: {error.strerror}.", "Name a file in a folder that exists."
        ) from error


def _remove(*, as_json: bool) -> None:
    """Those of make run, make up and this command: all whose Region begins with local-."""
    with with_database(os.environ, notify) as env:
        login = login_for(database(env), env.get("AWS_REGION"))
        with closing(Connections(login)) as connections:
            instances, rows = connections.do(remove_made_up)
    if as_json:
        print(json.dumps({"instances": instances, "rows": rows}))
    else:
        print(f"Removed {instances:,} made-up machines and their {rows:,} rows.")


def _label(machine: Machine) -> dict[str, object]:
    hidden = {"seed", "level", "agent"}
    shown = {key: value for key, value in asdict(machine).items() if key not in hidden}
    said = {"idle": machine.idle, "oversized": machine.oversized, "verdict": machine.verdict}
    return shown | said


class _SyntheticCloudWatch:
    """A reader like those of CloudWatch, for machines that do not exist."""

    def __init__(self, fleet: Sequence[Machine]) -> None:
        self._machines = {machine.instance_id: machine for machine in fleet}

    spent = NOTHING_ASKED

    def fetch(self, batch: Batch) -> Fetched:
        """Make up the readings."""
        machines = (self._machines[id_] for id_ in batch.instance_ids)
        return Fetched(list(readings(machines, batch.window, None, batch.statistics)), Cost())


def _store(fleet: Sequence[Machine], window: Window, view: JsonView | View) -> None:
    ids = [machine.instance_id for machine in fleet]
    identity = RunInfo(
        run_id=str(uuid4()),
        trigger="synthetic",
        region=REGION,
        window=window,
        dry_run=False,
        api=Api.SYNTHETIC,
        requested=len(ids),
    )
    with with_database(os.environ, notify) as env, view:
        login = login_for(database(env), env.get("AWS_REGION"))
        with closing(Connections(login)) as connections:
            due = due_by_window(ids, window)
            arrears = Arrears(
                connections, ids, group=None, end=window.end, catch_up=MAX_DAYS * 24 * HOUR
            )
            result = run(
                RunResult(identity, HOURLY_RUNS_A_MONTH),
                Plan(Api.SYNTHETIC, due, workers=2, wanted=Wanted(dict.fromkeys(ids, _STATISTICS))),
                _SyntheticCloudWatch(fleet),
                PostgresMetrics(connections, REGION),
                PostgresLedger(connections, arrears=arrears),
                observer=view,
                workers=2,
                time_left=lambda: math.inf,
            )
            _describe(PostgresMetadata(connections, REGION), fleet, window)
        view.closing(result)


def _describe(metadata: PostgresMetadata, fleet: Sequence[Machine], window: Window) -> None:
    """Let the database know what EC2 would have said of the fleet, hour by hour."""
    if metadata.types_are_stale({one.instance_type for one in fleet}, window.end):
        metadata.keep_types(synthetic_types(), window.end)
    for hour, machines in looks(fleet, window):
        metadata.note(machines, utc(hour))
