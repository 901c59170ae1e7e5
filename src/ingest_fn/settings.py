"""The environment, read in one place, once, and checked before anything is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.arrears import Reach
from ingest_fn.pipeline.model import Api
from ingest_fn.variables import SETTINGS, VERIFIED

DATABASE_VARIABLES = ("DATABASE_URL", "DATABASE_HOST")
"""Either of these says which database to use."""


def _read(env: Mapping[str, str], name: str) -> Any:
    return SETTINGS[name].value(env)


@dataclass(frozen=True, slots=True)
class Database:
    """Where the database is and how to log in. ``url`` wins over the rest."""

    url: str | None
    host: str
    port: int
    name: str
    user: str | None
    auth: str | None
    secret_arn: str | None
    sslmode: str
    sslrootcert: str | None

    def __repr__(self) -> str:
        """Without the URL, which may hold a password."""
        return f"Database({'DATABASE_URL' if self.url else self.host})"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides for a run."""

    region: str
    instance_ids_parameter: str | None
    reach: Reach
    freshness_hours: int
    monthly_budget_usd: float | None
    api: Api | None
    calls_in_flight: int
    datapoints_a_second: int | None
    runs_a_month: int
    retention_months: int | None
    metrics: frozenset[str]
    database: Database

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """The settings of ``env``. Raises ConfigurationError naming the variable."""
        api = _read(env, "CLOUDWATCH_API")
        return cls(
            region=region_of(env),
            instance_ids_parameter=_read(env, "INSTANCE_IDS_PARAMETER"),
            reach=Reach(
                lookback=_read(env, "LOOKBACK_HOURS"),
                first_lookback=_read(env, "FIRST_LOOKBACK_HOURS"),
                catch_up=_read(env, "CATCH_UP_HOURS"),
            ),
            freshness_hours=int(_read(env, "FRESHNESS_HOURS")),
            monthly_budget_usd=_read(env, "MONTHLY_BUDGET_USD"),
            api=None if api == "auto" else Api(api),
            calls_in_flight=_read(env, "CLOUDWATCH_CALLS_IN_FLIGHT"),
            datapoints_a_second=_read(env, "CLOUDWATCH_DATAPOINTS_PER_SECOND"),
            runs_a_month=_read(env, "RUNS_PER_MONTH"),
            retention_months=_read(env, "RETENTION_MONTHS"),
            metrics=_read(env, "METRICS") or frozenset(),
            database=database(env),
        )


@dataclass(frozen=True, slots=True)
class FanOut:
    """What the environment decides for a fan-out over accounts and Regions."""

    targets_parameter: str
    max_instances_per_part: int
    max_parts_at_once: int


def fan_out(env: Mapping[str, str]) -> FanOut:
    """The part of the settings that planner and summary need. Raises ConfigurationError."""
    name = _read(env, "TARGETS_PARAMETER")
    if name is None:
        raise ConfigurationError(
            "TARGETS_PARAMETER is not set.",
            "Set it to the SSM parameter that holds the targets, or to a path that ends in /.",
        )
    return FanOut(name, _read(env, "MAX_INSTANCES_PER_PART"), _read(env, "MAX_PARTS_AT_ONCE"))


def region_of(env: Mapping[str, str]) -> str:
    """The Region to ask. Raises ConfigurationError where none is set."""
    region: str | None = _read(env, "AWS_REGION")
    if region is None:
        raise ConfigurationError(
            "AWS_REGION is not set, and a Region is never guessed.",
            "Set it to the Region of your instances: export AWS_REGION=eu-central-1",
        )
    return region


def database(env: Mapping[str, str]) -> Database:
    """The part of the settings that says which database. Raises ConfigurationError."""
    url, host = (_read(env, name) for name in DATABASE_VARIABLES)
    if url is None and host is None:
        raise ConfigurationError(
            "No database is configured.",
            "Set DATABASE_URL, or DATABASE_HOST with DATABASE_AUTH=secret or iam.",
        )
    auth = _read(env, "DATABASE_AUTH") if url is None else None
    secret_arn, user = _read(env, "DATABASE_SECRET_ARN"), _read(env, "DATABASE_USER")
    if url is None:
        if auth is None:
            raise ConfigurationError("DATABASE_AUTH is not set.", "Set it to secret or iam.")
        if auth == "secret" and secret_arn is None:
            raise ConfigurationError(
                "DATABASE_AUTH is secret but DATABASE_SECRET_ARN is not set.",
                "Set it to the ARN of the secret that holds username and password.",
            )
        if auth == "iam" and user is None:
            raise ConfigurationError(
                "DATABASE_AUTH is iam but DATABASE_USER is not set.",
                "Set it to a database user that has the role rds_iam.",
            )
    sslmode = _read(env, "DATABASE_SSLMODE")
    return Database(
        url=url,
        host=host or "",
        port=_read(env, "DATABASE_PORT"),
        name=_read(env, "DATABASE_NAME"),
        user=user,
        auth=auth,
        secret_arn=secret_arn,
        sslmode=sslmode,
        # libpq takes the system's authorities for nothing less than verify-full.
        sslrootcert=_read(env, "DATABASE_SSLROOTCERT")
        or ("system" if sslmode == VERIFIED else None),
    )
