"""One finding as an item of the list: what to do, why, and the numbers behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ingest_fn.answers.page.drawing import sparkline, week
from ingest_fn.answers.page.model import (
    FINDINGS,
    LIST_PRICE,
    VERDICTS,
    dollars,
    minute,
    number,
    team_of,
    text,
)

Fact = dict[str, Any]


def item(row: Fact, found: Fact | None, start: datetime, hours: int, step: int, *, tag: str) -> str:
    """The list item of one row of ``verdicts``; ``found`` are its hours, None: it has none."""
    verdict = row["verdict"]
    name = row["name"] or row["instance_id"]
    team = team_of(row, tag)
    excluded = row["excluded_reason"]
    saving = row["saving_usd_per_month"]
    return (
        f'<li data-v="{text(verdict)}" data-t="{text(team)}" data-n="{text(name)}" '
        f'data-s="{-1 if saving is None else saving}" data-p="{_sortable(row["cpu_max"])}" '
        f'data-c="{row["confidence"]}" data-h="{0 if excluded is None else 1}">'
        f'<div class="w"><h3>{text(name)}</h3>'
        f"<p><code>{text(row['instance_id'])}</code></p>"
        f"<p>{text(row['instance_type'] or 'type unknown')}"
        f"{f' · <b>{text(team)}</b>' if team else ' · no team'}</p></div>"
        f"{sparkline(found, hours, step, _label(row, name))}"
        f'<div class="y"><p><span class="v {text(verdict)}">{_title(verdict)}</span> '
        f'<span class="c">confidence {row["confidence"] * 100:.0f} %</span></p>'
        f"<p>{text(row['reason'])}</p>{_suggestion(row)}"
        f"{f'<p class=q>Excluded: {text(excluded)}</p>' if excluded is not None else ''}</div>"
        f"{_saving(row)}{_details(row, found, start)}</li>\n"
    )


def _title(verdict: str) -> str:
    return VERDICTS[verdict][0] if verdict in VERDICTS else text(verdict)


def _sortable(value: Any) -> Any:
    return -1 if value is None else value


def _label(row: Fact, name: str) -> str:
    return (
        f"{name}: CPU mean {number(row['cpu_mean'], ' %')}, "
        f"highest {number(row['cpu_max'], ' %')}; "
        f"memory mean {number(row['memory_mean'], ' %')}; "
        f"network {number(row['network_mb_per_day'], ' MB per day')}; "
        f"{row['hours_observed']} of {row['hours_expected']} expected hours known"
    )


def _suggestion(row: Fact) -> str:
    types = ", ".join(row["suggested_types"] or [])
    if row["verdict"] == "idle":
        return "<p class=s>Stop or terminate it, if its owner agrees.</p>"
    if row["verdict"] == "switch_off":
        return "<p class=s>Stop it on a schedule in its quiet hours.</p>"
    if types and row["verdict"] in FINDINGS:
        first = "Move to a larger type" if row["verdict"] == "undersized" else "Move to"
        return f"<p class=s>{first}: {text(types)}</p>"
    return ""


def _saving(row: Fact) -> str:
    saving, note = row["saving_usd_per_month"], row["saving_note"]
    if row["verdict"] not in FINDINGS:
        return '<div class="d"></div>'
    said = f"<small>{text(note)}</small>" if note else ""
    if row["verdict"] == "undersized":
        return f'<div class="d"><b class=o>Costs more</b>{said}</div>'
    if saving is None:
        return f'<div class="d"><b class=o>Saving unknown</b>{said}</div>'
    return f'<div class="d"><b>{dollars(saving)}</b> <i>a month</i>{said}</div>'


def _details(row: Fact, found: Fact | None, start: datetime) -> str:
    price = row["price_usd_per_hour"]
    own = "owner" in (row["saving_note"] or "")
    paid = (
        "unknown"
        if price is None
        else f"{dollars(price, 4)} per hour ({'as the owner set it' if own else LIST_PRICE})"
    )
    cpu = (
        f"mean {number(row['cpu_mean'], ' %')}, P99.5 {number(row['cpu_p995'], ' %')}, "
        f"highest {number(row['cpu_max'], ' %')}"
    )
    memory = f"mean {number(row['memory_mean'], ' %')}, P99.5 {number(row['memory_p995'], ' %')}"
    low_use = {True: "low use", False: "not low use"}
    facts = (
        ("CPU", cpu),
        ("Memory", "unknown: no agent" if row["memory_mean"] is None else memory),
        ("Network", number(row["network_mb_per_day"], " MB per day")),
        ("Hours", f"{row['hours_observed']} known of {row['hours_expected']} expected"),
        ("Since", minute(row["since"])),
        ("Price", paid),
        ("Where", " · ".join(filter(None, (row["region"], row["account_id"], row["state"])))),
        ("Trusted Advisor", low_use.get(row["trusted_advisor_low_use"], "unknown")),
    )
    terms = "".join(f"<dt>{name}<dd>{text(value)}" for name, value in facts)
    return (
        f'<details data-w="{week(found, start)}"><summary>Numbers and hours of the week</summary>'
        f"<dl>{terms}</dl></details>"
    )
