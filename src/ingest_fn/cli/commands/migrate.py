"""``migrate``: bring the database schema up to date."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import Json
from ingest_fn.cli.view import notify
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.upgrade import as_sql, upgrade
from ingest_fn.settings import database


def migrate(
    *,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL for a DBA; touch no database.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the database schema up to date. Running it again changes nothing.

    Example: DATABASE_URL=postgresql://owner@db.example/metrics python -m ingest_fn migrate
    """
    if sql:
        print(as_sql())
        return
    with with_database(os.environ, notify) as env:
        before, after = upgrade(
            login_for(database(env), env.get("AWS_REGION")),
            environment_tag=env.get("ENVIRONMENT_TAG"),
        )
    if as_json:
        print(json.dumps({"before": before, "after": after}))
    elif before == after:
        print(f"The schema is up to date (revision {after}).")
    else:
        print(f"The schema is at revision {after} now (before: {before or 'empty'}).")
