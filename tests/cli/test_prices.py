from __future__ import annotations

import json
from pathlib import Path

import psycopg

from tests.command_line import Cli
from tests.integration.test_prices import GOOD, HEADER, PricingApi, product
from tests.json_service import running_json_service

AWS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "eu-central-1"}


def prices_in(url: str) -> int:
    with psycopg.connect(url) as connection:
        return len(connection.execute("SELECT FROM prices").fetchall())


def test_prices_from_a_file(cli: Cli, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text(HEADER + GOOD)
    done = cli("prices", "--from-file", str(file), DATABASE_URL=database_url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 prices of p.csv: 1 new or changed, newest 2026-11-01.\n")
    assert prices_in(database_url) == 1
    file.write_text(HEADER + GOOD.replace("large", "xlarge") + "x\n")
    done = cli("prices", "--from-file", str(file), "--json", DATABASE_URL=database_url)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"].startswith("p.csv, line 3: ")
    assert "Traceback" not in done.stderr
    assert prices_in(database_url) == 1


def test_prices_from_aws(cli: Cli, database_url: str) -> None:
    with running_json_service(PricingApi([product()])) as url:
        env = AWS | {"AWS_ENDPOINT_URL": url, "DATABASE_URL": database_url}
        done = cli("prices", "--json", **env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "source": "pricing-api",
        "read": 1,
        "changed": 1,
        "newest_as_of": "2026-11-01T00:00:00+00:00",
    }
    assert prices_in(database_url) == 1


def test_a_region_without_prices_is_named(cli: Cli, database_url: str) -> None:
    with running_json_service(PricingApi([])) as url:
        env = AWS | {"AWS_ENDPOINT_URL": url, "DATABASE_URL": database_url}
        done = cli("prices", **env)
    assert done.returncode == 2
    assert "no price for eu-central-1" in done.stderr
