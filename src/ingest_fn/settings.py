"""The environment, read in one place, once, and checked before anything is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.model import Api
from ingest_fn.pipeline.pricing import HOURLY_RUNS_A_MONTH
from ingest_fn.request.window import MAX_LOOKBACK_HOURS

VERIFIED = "verify-full"
"""The sslmode that trusts only the right server of the right name."""

DATABASE_VARIABLES = ("DATABASE_URL", "DATABASE_HOST")
"""Either of these says which database to use."""


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
    """Everything that the environment decides."""

    region: str
    instance_ids_parameter: str | None
    lookback_hours: int
    api: Api | None
    calls_in_flight: int
    datapoints_a_second: int | None
    runs_a_month: int
    retention_months: int | None
    database: Database

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """The settings of ``env``. Raises ConfigurationError naming the variable."""
        return cls(
            region=region_of(env),
            instance_ids_parameter=env.get("INSTANCE_IDS_PARAMETER") or None,
            lookback_hours=_whole(env, "LOOKBACK_HOURS", 24, 1, MAX_LOOKBACK_HOURS),
            api=_api(env),
            calls_in_flight=_whole(env, "CLOUDWATCH_CALLS_IN_FLIGHT", 8, 1, 64),
            datapoints_a_second=_optional(
                env, "CLOUDWATCH_DATAPOINTS_PER_SECOND", 1_000, 1_000_000_000
            ),
            runs_a_month=_whole(env, "RUNS_PER_MONTH", HOURLY_RUNS_A_MONTH, 1, 44_640),
            retention_months=_optional(env, "RETENTION_MONTHS", 1, 1_200),
            database=database(env),
        )


@dataclass(frozen=True, slots=True)
class FanOut:
    """What the environment decides of a fan-out over accounts and Regions."""

    targets_parameter: str
    max_instances_per_part: int
    max_parts_at_once: int


def fan_out(env: Mapping[str, str]) -> FanOut:
    """The part of the settings that planner and summary need. Raises ConfigurationError."""
    name = env.get("TARGETS_PARAMETER")
    if not name:
        raise ConfigurationError(
            "TARGETS_PARAMETER is not set.",
            "Set it to the SSM parameter that holds the targets, or to a path that ends in /.",
        )
    return FanOut(
        targets_parameter=name,
        max_instances_per_part=_whole(env, "MAX_INSTANCES_PER_PART", 50_000, 1, 1_000_000),
        max_parts_at_once=_whole(env, "MAX_PARTS_AT_ONCE", 10, 1, 1_000),
    )


def region_of(env: Mapping[str, str]) -> str:
    """The Region to ask. Raises ConfigurationError where none is set."""
    region = env.get("AWS_REGION")
    if not region:
        raise ConfigurationError(
            "AWS_REGION is not set, and a Region is never guessed.",
            "Set it to the Region of your instances: export AWS_REGION=eu-central-1",
        )
    return region


def database(env: Mapping[str, str]) -> Database:
    """The part of the settings that says which database. Raises ConfigurationError."""
    url, host = (env.get(name) or None for name in DATABASE_VARIABLES)
    if url is None and host is None:
        raise ConfigurationError(
            "No database is configured.",
            "Set DATABASE_URL, or DATABASE_HOST with DATABASE_AUTH=secret or iam.",
        )
    auth, secret_arn = env.get("DATABASE_AUTH") or None, env.get("DATABASE_SECRET_ARN") or None
    user = env.get("DATABASE_USER") or None
    sslmode = env.get("DATABASE_SSLMODE") or VERIFIED
    if url is None:
        if auth not in {"secret", "iam"}:
            raise _refused("DATABASE_AUTH", auth or "", "secret or iam")
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
    return Database(
        url=url,
        host=host or "",
        port=_whole(env, "DATABASE_PORT", 5432, 1, 65_535),
        name=env.get("DATABASE_NAME") or "postgres",
        user=user,
        auth=auth,
        secret_arn=secret_arn,
        sslmode=sslmode,
        # libpq takes the system's authorities for nothing less than verify-full.
        sslrootcert=env.get("DATABASE_SSLROOTCERT") or (sslmode == VERIFIED and "system") or None,
    )


def _api(env: Mapping[str, str]) -> Api | None:
    value = env.get("CLOUDWATCH_API") or "auto"
    if value == "auto":
        return None
    if value not in {Api.METRIC_DATA, Api.METRIC_STATISTICS}:
        raise _refused("CLOUDWATCH_API", value, "auto, metric-data or metric-statistics")
    return Api(value)


def _optional(env: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    return _whole(env, name, least, least, most) if env.get(name) else None


def _whole(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise _refused(name, text, f"a whole number from {least} to {most}")
    return int(text)


def _refused(name: str, value: str, takes: str) -> ConfigurationError:
    return ConfigurationError(f"{name} is {value!r}.", f"It takes {takes}.")
