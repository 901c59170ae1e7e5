"""Facts for the page, made by hand; some of them hostile."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ingest_fn.answers.page.model import VERDICTS
from ingest_fn.postgres.report import Facts
from tests.machines import END
from tests.making import instance_id

HOURS = 336
HOSTILE = "<script>alert(1)</script>\"'&\u202egnp.exe\x1b[31m"


def verdict(number: int, **columns: Any) -> dict[str, Any]:
    """A row of ``verdicts``. The verdicts take turns, and the first has the largest saving."""
    word = list(VERDICTS)[number % len(VERDICTS)]
    saving = Decimal(10_000 - number) if number % len(VERDICTS) < 3 else None
    row: dict[str, Any] = {
        "instance_id": instance_id(number + 1),
        "name": f"machine-{number}",
        "instance_type": "m7g.large",
        "region": "eu-central-1",
        "account_id": "123456789012",
        "state": "running",
        "verdict": word,
        "reason": "In 336 hours since 2026-11-09 00:00 UTC, CPU never rose above 4.9 %.",
        "confidence": Decimal("0.80"),
        "hours_expected": 336,
        "hours_observed": 300,
        "since": END - timedelta(days=14),
        "until": END,
        "cpu_mean": Decimal("12.5"),
        "cpu_p995": Decimal(40),
        "cpu_max": Decimal(number % 100),
        "memory_mean": None,
        "memory_p995": None,
        "network_mb_per_day": Decimal(number),
        "quiet_hours_per_week": 0,
        "suggested_type": "m7g.medium",
        "suggested_types": ["m7g.medium"],
        "suggested_price_usd_per_hour": Decimal("0.0489"),
        "price_usd_per_hour": Decimal("0.0978"),
        "saving_usd_per_month": saving,
        "saving_note": "List price, before reservations and Savings Plans." if saving else None,
        "excluded_reason": None,
        "trusted_advisor_low_use": False,
        "tags": {"Team": f"team-{number % 3}"},
    }
    return row | columns


def series(number: int) -> dict[str, Any]:
    """Fourteen days of hours of which two days are missing."""
    hours = [hour for hour in range(HOURS) if not 100 <= hour < 148]
    wave = [10 + 8 * math.sin(hour / 3.8 + number) for hour in hours]
    return {
        "hours": hours,
        "cpu": wave,
        "cpu_max": [value * 1.7 + (hour * 7 + number) % 11 for hour, value in enumerate(wave)],
        "network": [value * 1e5 for value in wave],
        "memory": [30 + value for value in wave] if number % 2 else [None] * len(hours),
    }


def facts(count: int, **columns: Any) -> Facts:
    """``count`` machines; ``columns`` hold for all of them."""
    rows = [verdict(number, **columns) for number in range(count)]
    return Facts(
        start=END - timedelta(hours=HOURS),
        end=END,
        verdicts=rows,
        series={row["instance_id"]: series(number) for number, row in enumerate(rows)},
        gaps=[{"reason": "not_read", "hours": 48, "instances": count}],
        runs={
            "runs": 720,
            "incomplete": 1,
            "calls": 720,
            "metrics_billed": 21_600,
            "usd": 0.216,
            "last_finished": END,
        },
        prices=[{"source": "made up", "as_of": END, "prices": 9}],
    )
