"""Inputs that once failed; every run tries them first."""

from __future__ import annotations

from typing import Any

from tests.chaos.values import RAW
from tests.fuzz.outcome import SECRETS

EVENTS: tuple[Any, ...] = (
    {"scheduled_time": "0001-01-01T00:00:00Z"},
    {"scheduled_time": "2015-01-01T00:00:00Z"},
    {"instance_ids": None},
    {"source": "aws.events", "time": "2026-11-23T10:00:00Z", "detail": 0},
    {"source": "aws.events", "time": "2026-11-23T10:00:00Z", "detail": "[" * 100_000},
    {"source": "aws.events", "time": "2026-11-23T10:00:00Z", "detail": "9" * 5_000},
    {"source": "aws.events", "time": "2026-11-23T10:00:00Z", "detail": {"scheduled_time": 5}},
    {"x" * 100_000: 1},
    {"instance_ids": ["i-" + "0" * 100_000]},
    {"dry_run": "\u202e\x1b[31m\ud83d"},
    {"\ud83d\x1b": 1},
    {"lookback_hours": 10**5_000},
    {"dry_run": float("nan")},
    {f"postgresql://u:{SECRETS['parameter']}@h/d": None},
)
PARAMETERS: tuple[str, ...] = (
    "",
    "[" * 100_000,
    "[" + "9" * 5_000 + "]",
    "i-\x1b[31m",
    f"postgresql://u:{SECRETS['parameter']}@h/d",
    "[null]",
)
STORE_ANSWERS: tuple[Any, ...] = (
    {},
    [],
    {"Parameter": None},
    {"Parameter": {}},
    {"Parameter": {"Name": "/fuzz/ids", "Value": "i-00000000000000001"}},
    {"Parameter": {"Name": "/fuzz/ids", "Type": "String"}},
    {"Parameter": {"Name": "/fuzz/ids", "Type": "String", "Value": None}},
)
CHANGES: tuple[Any, ...] = (
    [([0, 0, 3, 0], "replace", None)],
    [([0, 0, 3, 0], "replace", RAW + "NaN")],
    [([0, 0, 3, 0], "replace", RAW + "Infinity")],
    [([0, 0, 3, 0], "replace", "12")],
    [([0, 0, 3, 0], "replace", True)],
    [([0, 0, 3, 0], "delete", None)],
    [([0, 0, 3], "delete", None)],
    [([0], "delete", None)],
    [([0, 0, 4], "replace", f"postgresql://u:{SECRETS['parameter']}@h/d")],
)
ENVIRONMENTS: tuple[dict[str, str], ...] = (
    {"AWS_PROFILE": "nope"},
    {"AWS_REGION": "us-west-2\r"},
    {"AWS_REGION": "eu-centrall-1"},
    {"AWS_ENDPOINT_URL_CLOUDWATCH": "127.0.0.1"},
    {"AWS_SECRET_ACCESS_KEY": ""},
    {"AWS_CONFIG_FILE": "/etc/passwd"},
    {"LOOKBACK_HOURS": "9" * 5_000},
    {"CATCH_UP_HOURS": f"postgresql://u:{SECRETS['parameter']}@h/d"},
)
ARGUMENTS: tuple[tuple[str, ...], ...] = (
    ("synthetic", "--labels", "/nonexistent/x"),
    ("cloudwatch", "--event", "/"),
    ("cloudwatch", "--event", "\x1b[31m"),
    ("synthetic", f"postgresql://u:{SECRETS['parameter']}@h/d"),
)
