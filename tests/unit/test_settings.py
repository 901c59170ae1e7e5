from __future__ import annotations

import pytest

from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.arrears import Reach
from ingest_fn.pipeline.model import Api
from ingest_fn.settings import Settings

GOOD = {"AWS_REGION": "eu-central-1", "DATABASE_URL": "postgresql://u:s3cret@db/metrics"}
HOST = {"AWS_REGION": "eu-central-1", "DATABASE_HOST": "db"}


def test_the_defaults() -> None:
    settings = Settings.from_env(GOOD)
    assert settings.reach == Reach(lookback=24, first_lookback=336, catch_up=336)
    assert settings.freshness_hours == 1
    assert settings.monthly_budget_usd is None
    assert settings.api is None
    assert settings.instance_ids_parameter is None


def test_a_host_is_verified_in_full_unless_told_otherwise() -> None:
    env = HOST | {"DATABASE_AUTH": "iam", "DATABASE_USER": "ingest"}
    assert Settings.from_env(env).database.sslmode == "verify-full"
    assert Settings.from_env(env | {"DATABASE_SSLMODE": "require"}).database.sslmode == "require"


def test_the_api_can_be_chosen() -> None:
    settings = Settings.from_env(GOOD | {"CLOUDWATCH_API": "metric-data"})
    assert settings.api is Api.METRIC_DATA


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "AWS_REGION is not set"),
        ({"AWS_REGION": "eu-central-1"}, "No database is configured"),
        (GOOD | {"LOOKBACK_HOURS": "a day"}, "LOOKBACK_HOURS is 'a day'"),
        (GOOD | {"LOOKBACK_HOURS": "10921"}, "LOOKBACK_HOURS is '10921'"),
        (GOOD | {"LOOKBACK_HOURS": "-1"}, "LOOKBACK_HOURS is '-1'"),
        (GOOD | {"CLOUDWATCH_API": "cheapest"}, "CLOUDWATCH_API is 'cheapest'"),
        (GOOD | {"DATABASE_PORT": "0"}, "DATABASE_PORT is '0'"),
        (GOOD | {"FRESHNESS_HOURS": "5"}, "FRESHNESS_HOURS is '5'"),
        (GOOD | {"MONTHLY_BUDGET_USD": "-1"}, "MONTHLY_BUDGET_USD is '-1'"),
        (GOOD | {"MONTHLY_BUDGET_USD": "nan"}, "MONTHLY_BUDGET_USD is 'nan'"),
        (GOOD | {"CATCH_UP_HOURS": "10921"}, "CATCH_UP_HOURS is '10921'"),
        (HOST, "DATABASE_AUTH is not set"),
        (HOST | {"DATABASE_AUTH": "password"}, "DATABASE_AUTH is 'password'"),
        (HOST | {"DATABASE_AUTH": "secret"}, "DATABASE_SECRET_ARN is not set"),
        (HOST | {"DATABASE_AUTH": "iam"}, "DATABASE_USER is not set"),
    ],
)
def test_what_is_wrong_is_named(env: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env(env)
    assert said in caught.value.message
    assert caught.value.hint


def test_settings_never_show_the_password() -> None:
    assert "s3cret" not in repr(Settings.from_env(GOOD))


def test_the_pace_is_the_quota_s_unless_told_otherwise() -> None:
    assert Settings.from_env(GOOD).datapoints_a_second is None
    env = GOOD | {"CLOUDWATCH_DATAPOINTS_PER_SECOND": "1000000"}
    assert Settings.from_env(env).datapoints_a_second == 1_000_000
    with pytest.raises(ConfigurationError, match="CLOUDWATCH_DATAPOINTS_PER_SECOND is '5'"):
        Settings.from_env(GOOD | {"CLOUDWATCH_DATAPOINTS_PER_SECOND": "5"})
