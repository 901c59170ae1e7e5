"""Prices from a stand-in for the Pricing API, by the real botocore, and from CSV files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest_fn.answers.prices import PAGE, Price, endpoint_region, read_api, read_csv
from ingest_fn.aws.clients import Clients
from ingest_fn.errors import AccessDeniedError, ConfigurationError
from ingest_fn.postgres.prices import keep_prices, priced_places
from tests.json_service import running_json_service

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
HEADER = "region,instance_type,operating_system,hourly_usd,as_of\n"
GOOD = "eu-central-1,m7g.large,Linux,0.0978,2026-11-01\n"


def product(name: str = "m7g.large", usd: str = "0.0978000000", **attributes: str) -> str:
    known = {"instanceType": name, "licenseModel": "No License required"} | attributes
    dimensions = {
        "free": {"unit": "Hrs", "pricePerUnit": {"USD": "0.0000000000"}},
        "paid": {"unit": "Hrs", "pricePerUnit": {"USD": usd}},
    }
    term = {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": dimensions}
    return json.dumps({"product": {"attributes": known}, "terms": {"OnDemand": {"x": term}}})


class PricingApi:
    """Answers GetProducts from ``pages``, and keeps what it was asked."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = pages
        self.asked: list[dict[str, Any]] = []
        self.refusals: list[tuple[int, str]] = []

    def __call__(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(request)
        if self.refusals:
            status, code = self.refusals.pop()
            return status, {"__type": code, "Message": "no"}
        number = int(request.get("NextToken", "0"))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return 200, {"FormatVersion": "aws_v1", "PriceList": self.pages[number]} | more


def listed(api: PricingApi, monkeypatch: pytest.MonkeyPatch) -> list[Price]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with running_json_service(api) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", url)
        client = Clients("eu-central-1", 1).make("pricing")
        ((region, system, prices),) = read_api(client, [("eu-central-1", "Linux")], NOW)
    assert (region, system) == ("eu-central-1", "Linux")
    return prices


def test_all_pages_are_read_with_the_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    api = PricingApi([product()], [], [product("m7g.xlarge", "0.1956")])
    assert [(p.instance_type, p.hourly_usd, p.as_of) for p in listed(api, monkeypatch)] == [
        ("m7g.large", Decimal("0.0978"), NOVEMBER),
        ("m7g.xlarge", Decimal("0.1956"), NOVEMBER),
    ]
    assert len(api.asked) == 3
    for request in api.asked:
        assert (request["ServiceCode"], request["MaxResults"]) == ("AmazonEC2", PAGE)
        assert {f["Field"]: f["Value"] for f in request["Filters"]} == {
            "regionCode": "eu-central-1",
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
        }


def test_what_names_no_one_price_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = [
        "not json",
        "[]",
        "{}",
        product("m7g.huge", "0.0000000000"),
        product("m7g.odd", "NaN"),
        product("m7g.two", "1"),
        product("m7g.two", "2"),
        product("m7g.own", "1", licenseModel="Bring your own license"),
        product("no type"),
    ]
    api = PricingApi([*strange, product(), product()])
    assert [price.instance_type for price in listed(api, monkeypatch)] == ["m7g.large"]


def test_throttling_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    api = PricingApi([product()])
    api.refusals = [(400, "ThrottlingException")] * 2
    assert len(listed(api, monkeypatch)) == 1
    assert len(api.asked) == 3


def test_a_refusal_names_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    api = PricingApi([product()])
    api.refusals = [(400, "AccessDeniedException")]
    with pytest.raises(AccessDeniedError, match="pricing:GetProducts") as caught:
        listed(api, monkeypatch)
    assert caught.value.hint


def test_an_api_whose_pages_never_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest_fn.answers.prices._PAGES", 3)
    api = PricingApi(*[[product()]] * 10)
    assert len(listed(api, monkeypatch)) == 1
    assert len(api.asked) == 3


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-west-1", "eu-central-1"),
        ("ap-southeast-2", "ap-south-1"),
        ("us-west-2", "us-east-1"),
        ("sa-east-1", "us-east-1"),
    ],
)
def test_the_nearest_endpoint(region: str, endpoint: str) -> None:
    assert endpoint_region(region) == endpoint


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_as_spreadsheets_write_it(tmp_path: Path, start: bytes, end: str) -> None:
    file = tmp_path / "prices.csv"
    lines = [
        "instance_type,region,operating_system,as_of,hourly_usd",
        'm7g.large,eu-central-1,Linux,2026-11-01,"0.0978"',
        "",
        "m7g.large, eu-central-1 ,Windows,2026-11-01T02:00:00+02:00,0.2",
        "m7g.large,eu-central-1,Linux,2026-11-01,0.09780",
    ]
    file.write_bytes(start + end.join(lines).encode())
    assert read_csv(file) == [
        Price("eu-central-1", "m7g.large", "Linux", Decimal("0.0978"), NOVEMBER, "prices.csv"),
        Price("eu-central-1", "m7g.large", "Windows", Decimal("0.2"), NOVEMBER, "prices.csv"),
    ]


BAD = {
    "price": "eu-central-1,m7g.large,Linux,{},2026-11-01",
    "as_of": "eu-central-1,m7g.large,Linux,1,{}",
}


@pytest.mark.parametrize(
    "line",
    [
        *[BAD["price"].format(price) for price in ("0", "-1", "NaN", "Infinity", "1e3", "", "1_0")],
        *[BAD["price"].format(price) for price in ("\uff11", "0.0000001", "1000000", "$1")],
        *[
            BAD["as_of"].format(time)
            for time in ("", "yesterday", "2026-13-01", "2026-11-01T10:00")
        ],
        "eu-central-1,m7g.large,Linux,1",
        "eu-central-1,m7g.large,Linux,1,2026-11-01,x",
        "Frankfurt,m7g.large,Linux,1,2026-11-01",
        "eu-central-1,m7g,Linux,1,2026-11-01",
        "eu-central-1,m7g.large,linux,1,2026-11-01",
        "eu-central-1,m7g.large,,1,2026-11-01",
        "eu-central-1,m7g.large,Linux,0.1,2026-11-01",  # another price for line 2
        'eu-central-1,"m7g.large,Linux,1,2026-11-01',
        'eu-central-1,"m7g"x.large,Linux,1,2026-11-01',
        f"eu-central-1,{'x' * 200_000}.large,Linux,1,2026-11-01",
        "eu-central-1,m7g.large,Li\x00nux,1,2026-11-01",
    ],
)
def test_a_bad_line_refuses_the_file_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(f"{HEADER}{GOOD}{line}\n{GOOD}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"^prices\.csv, line 3: ") as caught:
        read_csv(file)
    assert len(str(caught.value)) < 1_000
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: the header is"),
        (HEADER.encode(), "line 1: no price follows"),
        (GOOD.encode(), "line 1: the header is"),
        (HEADER.replace(",", ";").encode(), "line 1: the header is"),
        ((HEADER + GOOD).encode("utf-16"), "line 1: it is not UTF-8"),
        (HEADER.encode() + "eu-central-1,m7g.large,Línux,1,2026-11-01".encode("latin-1"), "line 2"),
    ],
)
def test_a_file_that_is_something_else(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "prices.csv"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_csv(file)
    assert caught.value.hint


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(ConfigurationError, match="Cannot read"):
            read_csv(path)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def stored(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT hourly_usd, as_of FROM prices ORDER BY as_of").fetchall()


def price(usd: str, as_of: datetime = NOVEMBER) -> Price:
    return Price("eu-central-1", "m7g.large", "Linux", Decimal(usd), as_of, "test")


def test_only_changes_of_the_api_are_kept(connection: psycopg.Connection) -> None:
    assert keep_prices(connection, [price("0.1")], changes_only=True) == 1
    assert keep_prices(connection, [price("0.1", NOW)], changes_only=True) == 0
    assert keep_prices(connection, [price("0.2", NOW)], changes_only=True) == 1
    assert stored(connection) == [(Decimal("0.1"), NOVEMBER), (Decimal("0.2"), NOW)]


def test_a_file_is_kept_as_it_is_and_corrects_itself(connection: psycopg.Connection) -> None:
    both = [price("0.1"), price("0.1", NOW)]
    assert keep_prices(connection, both, changes_only=False) == 2
    assert keep_prices(connection, both, changes_only=False) == 0
    assert keep_prices(connection, [price("0.3")], changes_only=False) == 1
    assert stored(connection) == [(Decimal("0.3"), NOVEMBER), (Decimal("0.1"), NOW)]


def test_the_fleet_says_where_to_ask(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO instances (instance_id, region, platform, state) VALUES "
        "('i-1', 'eu-central-1', NULL, NULL), ('i-2', 'eu-central-1', 'Windows', 'running'), "
        "('i-3', 'eu-west-1', 'Linux', 'terminated'), ('i-4', 'eu-central-1', 'Linux', 'stopped')"
    )
    assert priced_places(connection) == [("eu-central-1", "Linux"), ("eu-central-1", "Windows")]
