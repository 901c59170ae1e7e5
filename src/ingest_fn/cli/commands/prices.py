"""``prices``: the table of list prices, refreshed."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from ingest_fn.answers.prices import Price, endpoint_region, read_api, read_csv
from ingest_fn.cli.database import with_database
from ingest_fn.cli.options import Json, Region, with_region
from ingest_fn.cli.view import notify
from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres.connections import connect
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.prices import keep_prices, priced_places
from ingest_fn.settings import database, region_of


def prices(
    from_file: Annotated[
        Path | None,
        typer.Option(help="A CSV instead: region,instance_type,operating_system,hourly_usd,as_of."),
    ] = None,
    region: Region = None,
    *,
    as_json: Json = False,
) -> None:
    """Refresh the On-Demand list prices, from AWS's Pricing API or from a CSV file.

    AWS is asked for the Regions and operating systems of the stored fleet, or for Linux in the
    given Region. Of a file with any bad line nothing is stored.

    Example: python -m ingest_fn prices
    """
    found = read_csv(from_file) if from_file else []
    with (
        with_database(with_region(region), notify) as env,
        closing(connect(login_for(database(env), env.get("AWS_REGION")))) as connection,
    ):
        connection.autocommit = True
        if from_file is None:
            found = _from_aws(connection, env, region)
        kept = keep_prices(connection, found, changes_only=from_file is None)
    newest = max(price.as_of for price in found)
    source = found[0].source
    if as_json:
        shown = {"source": source, "read": len(found), "changed": kept}
        print(json.dumps(shown | {"newest_as_of": newest.isoformat()}))
    else:
        print(f"{len(found):,} prices of {source}: {kept:,} new or changed, newest {newest:%F}.")
        print("They are list prices, before reservations and Savings Plans.")


def _from_aws(
    connection: psycopg.Connection, env: dict[str, str], region: str | None
) -> list[Price]:
    from ingest_fn.aws.clients import Clients

    places = [place for place in priced_places(connection) if region in {None, place[0]}]
    places = places or [(region_of(env), "Linux")]
    client = Clients(endpoint_region(places[0][0]), calls_in_flight=1).make("pricing")
    found: list[Price] = []
    for place, system, listed in read_api(client, places, datetime.now(UTC)):
        notify(f"{place}, {system}: {len(listed):,} types")
        found += listed
    if not found:
        names = ", ".join(sorted({place for place, _ in places}))
        raise ConfigurationError(
            f"AWS's Pricing API has no price for {names}.",
            "Check the Region's name, or read prices from a file: prices --from-file CSV",
        )
    return found
