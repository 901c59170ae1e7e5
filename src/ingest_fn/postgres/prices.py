"""The table of prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import psycopg

from ingest_fn.postgres.errors import translated
from ingest_fn.postgres.statements import statement

PriceRow = tuple[str, str, str, Decimal, datetime, str]
"""Region, instance type, operating system, US dollars per hour, as of, source."""

_COLUMNS = ("region", "instance_type", "operating_system", "hourly_usd", "as_of", "source")


def keep_prices(
    connection: psycopg.Connection, prices: Sequence[PriceRow], *, changes_only: bool
) -> int:
    """Store ``prices``, all or none; how many were new or other than before.

    With ``changes_only`` a price that repeats the one before it is left out. Raises StoreError.
    """
    if not prices:
        return 0
    columns = dict(zip(_COLUMNS, map(list, zip(*prices, strict=True)), strict=True))
    with translated(), connection.transaction():
        row = connection.execute(
            statement("keep_prices"), columns | {"changes_only": changes_only}
        ).fetchone()
    return int(row[0]) if row else 0


def priced_places(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """Each (Region, operating system) where the fleet has machines. Raises StoreError."""
    with translated():
        return connection.execute(statement("priced_places")).fetchall()
