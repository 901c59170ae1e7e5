"""Every environment variable that the function reads: the one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ingest_fn.errors import ConfigurationError
from ingest_fn.pipeline.arrears import FRESHNESS
from ingest_fn.pipeline.catalogue import GROUPS
from ingest_fn.pipeline.model import Api
from ingest_fn.pipeline.pricing import HOURLY_RUNS_A_MONTH
from ingest_fn.request.window import MAX_LOOKBACK_HOURS

MAX_DOLLARS = 1_000_000
_DOLLARS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?", re.ASCII)

VERIFIED = "verify-full"
"""The sslmode that trusts only the right server of the right name."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: what it means, what it takes, and how its text is read.

    ``read`` gets a text that is not empty and raises ValueError for a wrong one. ``default`` is
    text too; empty: there is none, and the value is None.
    """

    name: str
    meaning: str
    takes: str
    read: Callable[[str], Any]
    default: str = ""

    def value(self, env: Mapping[str, str]) -> Any:
        """Its value in ``env``. Raises ConfigurationError naming it and what it takes."""
        text = env.get(self.name) or self.default
        if not text:
            return None
        try:
            return self.read(text)
        except ValueError as error:
            raise ConfigurationError(
                f"{self.name} is {text!r}.", f"It takes {self.takes}."
            ) from error


def _integer(name: str, meaning: str, least: int, most: int, default: int | None = None) -> Setting:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(text)
        return int(text)

    takes = f"a whole number from {least} to {most}"
    return Setting(name, meaning, takes, read, "" if default is None else str(default))


def _groups(text: str) -> frozenset[str]:
    names = frozenset(text.replace(",", " ").split())
    if not names <= set(GROUPS):
        raise ValueError(text)
    return names


def _text(name: str, meaning: str, takes: str, default: str = "") -> Setting:
    return Setting(name, meaning, takes, str, default)


def _choice(name: str, meaning: str, choices: tuple[str, ...], default: str = "") -> Setting:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    takes = f"{', '.join(choices[:-1])} or {choices[-1]}"
    return Setting(name, meaning, takes, read, default)


def _dollars(text: str) -> float:
    if not _DOLLARS.fullmatch(text) or float(text) > MAX_DOLLARS:
        raise ValueError(text)
    return float(text)


_TABLE = (
    _text("AWS_REGION", "Region of the instances. Required; it is never guessed.", "a Region"),
    _text(
        "INSTANCE_IDS_PARAMETER",
        "SSM parameter that says which instances to read. All parameters below a path that ends "
        "in `/` are joined. Required by the function.",
        "the name of a parameter, or a path that ends in /",
    ),
    _text(
        "DATABASE_URL",
        "libpq URL of the database. It wins over the other variables.",
        "postgresql://user:password@host:5432/database",
    ),
    _text("DATABASE_HOST", "Host of the database, where there is no URL.", "a host name"),
    _integer("DATABASE_PORT", "Port of the database.", 1, 65_535, 5432),
    _text("DATABASE_NAME", "Name of the database.", "a name", "postgres"),
    _text("DATABASE_USER", "User of the database. Required for `iam`.", "a name"),
    _choice(
        "DATABASE_AUTH",
        "How the function logs in: by a secret that may rotate, or by a short-lived token. "
        "Required without a URL.",
        ("secret", "iam"),
    ),
    _text(
        "DATABASE_SECRET_ARN",
        "Secret in the form that RDS makes: a JSON object with username and password.",
        "the ARN of a secret",
    ),
    _text(
        "DATABASE_SSLMODE", "How TLS is checked, without a URL.", "an sslmode of libpq", VERIFIED
    ),
    _text(
        "DATABASE_SSLROOTCERT",
        "File with the authorities that may sign the server's certificate. Without it, "
        "`verify-full` uses those of the system.",
        "a path",
    ),
    _integer("LOOKBACK_HOURS", "Hours that every read covers at least.", 1, MAX_LOOKBACK_HOURS, 24),
    _integer(
        "FIRST_LOOKBACK_HOURS",
        "Hours that are read when an instance is seen for the first time. The price is that of "
        "one hour: CloudWatch bills by metric.",
        1,
        MAX_LOOKBACK_HOURS,
        336,
    ),
    _integer(
        "CATCH_UP_HOURS",
        "How far back a run heals hours that earlier runs still owe.",
        1,
        MAX_LOOKBACK_HOURS,
        336,
    ),
    _choice(
        "FRESHNESS_HOURS",
        "How many hours an instance may wait for its next read. Larger is cheaper by that factor. "
        "Runs stay hourly; each reads the instances whose turn it is.",
        tuple(map(str, FRESHNESS)),
        "1",
    ),
    Setting(
        "MONTHLY_BUDGET_USD",
        "Dollars per month for CloudWatch. With it, the freshest `FRESHNESS_HOURS` that fits is "
        "chosen. A run that cannot keep it is refused.",
        "dollars from 0 to 1000000, as in 12.50",
        _dollars,
    ),
    Setting(
        "METRICS",
        "Further metrics beside the default ones, asked only of machines that can have them. "
        "Memory is read without being asked for wherever EC2 is asked for instances.",
        f"any of {', '.join(GROUPS)}, separated by commas",
        _groups,
    ),
    _choice(
        "CLOUDWATCH_API",
        "API to read with. `auto` takes the cheaper one for the size of the fleet.",
        ("auto", Api.METRIC_DATA.value, Api.METRIC_STATISTICS.value),
        "auto",
    ),
    _integer("CLOUDWATCH_CALLS_IN_FLIGHT", "Calls to CloudWatch at the same time.", 1, 64, 8),
    _integer(
        "CLOUDWATCH_DATAPOINTS_PER_SECOND",
        "Datapoints that GetMetricData may be asked for per second. Without it, nine tenths of "
        "the quota that every account has.",
        1_000,
        1_000_000_000,
    ),
    _integer(
        "RUNS_PER_MONTH",
        "How often the schedule runs, for `auto` and for the estimated cost.",
        1,
        44_640,
        HOURLY_RUNS_A_MONTH,
    ),
    _integer(
        "RETENTION_MONTHS", "Months of `metrics` to keep. Without it, all are kept.", 1, 1_200
    ),
    _text(
        "TARGETS_PARAMETER",
        "SSM parameter with the targets of a fan-out. Required by the planner.",
        "the name of a parameter, or a path that ends in /",
    ),
    _integer("MAX_INSTANCES_PER_PART", "Instances per part of a fan-out.", 1, 1_000_000, 50_000),
    _integer("MAX_PARTS_AT_ONCE", "Parts of a fan-out that run at the same time.", 1, 1_000, 10),
)

SETTINGS = {setting.name: setting for setting in _TABLE}
"""Every variable that the function reads, by name. docs/settings.md is made from it."""
