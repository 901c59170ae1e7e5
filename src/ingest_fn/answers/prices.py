"""On-Demand list prices: of AWS's Pricing API, or of a CSV file."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from ingest_fn.aws.clients import AWS_ERRORS, translate
from ingest_fn.errors import ConfigurationError
from ingest_fn.request.fields import quoted

COLUMNS = ("region", "instance_type", "operating_system", "hourly_usd", "as_of")
SOURCE = "pricing-api"
PAGE = 100
"""The most that GetProducts returns at once (its API reference)."""

MAX_ROWS = 1_000_000
"""Ten times all types of all Regions and operating systems."""

_PAGES = 200
"""Of one Region and operating system; AWS has about a dozen."""

_WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_TYPE = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
_SYSTEM = re.compile(r"[A-Z][A-Za-z0-9./ -]{0,63}")
_PRICE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
_LEAST, _MOST = Decimal("0.000001"), Decimal(100_000)
_HEADER_HINT = f"The first line is {','.join(COLUMNS)}, in any order, with commas between."


class Price(NamedTuple):
    """US dollars for an hour of a type, as known from ``as_of`` on."""

    region: str
    instance_type: str
    operating_system: str
    hourly_usd: Decimal
    as_of: datetime
    source: str


@dataclass(frozen=True, slots=True)
class _File:
    path: Path

    def refused(self, line: int, problem: str, hint: str = "") -> ConfigurationError:
        """No line is taken where one is wrong."""
        return ConfigurationError(
            f"{self.path.name}, line {line}: {problem}. No price was stored.",
            hint or "Correct the line and run it again.",
        )

    def lines(self) -> Iterator[str]:
        """The lines, ends included. Raises ConfigurationError for one that is not UTF-8."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise self.refused(
                        number, "it is not UTF-8", "Save the file as CSV UTF-8."
                    ) from error

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        """(number of the line, its cells)."""
        reader = csv.reader(self.lines(), strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self.refused(line, f"it is not CSV ({error})") from error
            if any(cell.strip() for cell in cells):
                yield line, [cell.strip() for cell in cells]


def read_csv(path: Path) -> list[Price]:
    """The prices of a CSV file with the columns of ``COLUMNS``; ``source`` is the file's name.

    Raises ConfigurationError for a file that cannot be read, and for the first line that is wrong,
    by its number: the header is line 1.
    """
    file = _File(path)
    found: dict[tuple[str, str, str, datetime], tuple[int, Price]] = {}
    try:
        rows = file.cells()
        first, header = next(rows, (1, []))
        if sorted(header) != sorted(COLUMNS):
            raise file.refused(first, f"the header is {quoted(','.join(header))}", _HEADER_HINT)
        for line, cells in rows:
            if len(cells) != len(header):
                raise file.refused(line, f"it has {len(cells)} cells, not {len(header)}")
            price = _price(file, line, dict(zip(header, cells, strict=True)))
            before, same = found.setdefault((*price[:3], price.as_of), (line, price))
            if same.hourly_usd != price.hourly_usd:
                raise file.refused(line, f"line {before} has another price for the same")
            if len(found) > MAX_ROWS:
                raise file.refused(
                    line, f"there are more than {MAX_ROWS:,} prices", "Split the file."
                )
    except OSError as error:
        raise ConfigurationError(f"Cannot read {path}: {error.strerror}.") from error
    if not found:
        raise file.refused(1, "no price follows", _HEADER_HINT)
    return [price for _, price in found.values()]


def _price(file: _File, line: int, row: dict[str, str]) -> Price:
    for column, form, example in (
        ("region", _WORD, "eu-central-1"),
        ("instance_type", _TYPE, "m7g.large"),
        ("operating_system", _SYSTEM, "Linux"),
        ("hourly_usd", _PRICE, "0.0978"),
    ):
        if not form.fullmatch(row[column]):
            raise file.refused(line, f"{column} is {quoted(row[column])}", f"As in {example}.")
    hourly = Decimal(row["hourly_usd"])
    if not _LEAST <= hourly <= _MOST:
        raise file.refused(
            line,
            f"hourly_usd is {quoted(row['hourly_usd'])}",
            f"A price lies between {_LEAST} and {_MOST} US dollars per hour.",
        )
    as_of = _time(row["as_of"])
    if as_of is None:
        raise file.refused(
            line,
            f"as_of is {quoted(row['as_of'])}",
            "It takes a date, as in 2026-11-01, or a time, as in 2026-11-01T10:00:00Z.",
        )
    price = round(hourly, 6)
    return Price(
        row["region"], row["instance_type"], row["operating_system"], price, as_of, file.path.name
    )


def _time(text: str) -> datetime | None:
    """A date is its midnight in UTC; a time names its offset."""
    try:
        if len(text) == len("2026-11-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def read_api(
    client: Any, places: Iterable[tuple[str, str]], now: datetime
) -> Iterator[tuple[str, str, list[Price]]]:
    """For each (Region, operating system) of ``places``: both again, and the prices of all types.

    Shared tenancy, nothing installed beside the operating system, its licence included. A type
    whose products name different prices is left out, because nobody knows which one is paid.
    Raises AccessDeniedError and AwsError.
    """
    for region, system in places:
        by_type: dict[str, set[tuple[Decimal, datetime]]] = {}
        for product in _products(client, region, system):
            if (found := _offer(product, now)) is not None:
                by_type.setdefault(found[0], set()).add(found[1:])
        prices = [
            Price(region, name, system, *offers.pop(), SOURCE)
            for name, offers in sorted(by_type.items())
            if len({hourly for hourly, _ in offers}) == 1
        ]
        yield region, system, prices


def _products(client: Any, region: str, system: str) -> Iterator[dict[str, Any]]:
    filters = {
        "regionCode": region,
        "operatingSystem": system,
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    request: dict[str, Any] = {
        "ServiceCode": "AmazonEC2",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in filters.items()
        ],
        "MaxResults": PAGE,
    }
    for _ in range(_PAGES):
        try:
            page = client.get_products(**request)
        except AWS_ERRORS as error:
            raise translate(error, "pricing:GetProducts") from error
        for text in page.get("PriceList", ()):
            try:
                product = json.loads(text)
            except ValueError:
                continue
            if isinstance(product, dict):
                yield product
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def _offer(product: dict[str, Any], now: datetime) -> tuple[str, Decimal, datetime] | None:
    """Type, hourly price in US dollars and since when, where the product has them."""
    try:
        attributes = product["product"]["attributes"]
        if attributes.get("licenseModel", "").startswith("Bring your own"):
            return None
        name = attributes["instanceType"]
        for term in product["terms"]["OnDemand"].values():
            since = _time(term.get("effectiveDate", "")) or now
            for dimension in term["priceDimensions"].values():
                text = dimension["pricePerUnit"].get("USD", "")
                hourly = round(Decimal(text), 6) if _PRICE.fullmatch(text) else Decimal(0)
                if hourly > 0 and dimension.get("unit", "Hrs") == "Hrs" and _TYPE.fullmatch(name):
                    return name, hourly, min(since, now)
    except (AttributeError, KeyError, TypeError):
        return None
    return None


def endpoint_region(region: str) -> str:
    """The Region whose Pricing endpoint is nearest: it exists in three only."""
    if region.startswith(("eu-", "il-", "me-", "af-")):
        return "eu-central-1"
    return "ap-south-1" if region.startswith("ap-") else "us-east-1"
