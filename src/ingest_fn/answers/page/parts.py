"""The parts of the page around the list: totals, coverage, the collection's cost, sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest_fn.answers.page.model import FINDINGS, LIST_PRICE, dollars, minute, text

Fact = dict[str, Any]
HOURS_PER_MONTH = 730
REASONS = {
    "not_read": "no run asked for them",
    "read_failed": "the last attempt failed",
    "no_data": "read, but CloudWatch had nothing",
    "stopped": "the machine was stopped",
    "not_launched": "not launched yet",
    "terminated": "the machine was terminated",
    "expired": "older than CloudWatch keeps",
}
"""By the word of the view ``gaps``."""


def totals(rows: Sequence[Fact]) -> str:
    """What could be saved per month, what the fleet costs, and how many findings there are."""
    heard = [row for row in rows if row["excluded_reason"] is None]
    found = [row for row in heard if row["verdict"] in FINDINGS]
    cheaper = [row for row in found if row["verdict"] != "undersized"]
    known = [one for row in cheaper if (one := row["saving_usd_per_month"]) is not None]
    priced = [one for row in rows if (one := row["price_usd_per_hour"]) is not None]
    unknown = len(cheaper) - len(known)
    more = f" Of {unknown:,} more findings the saving is unknown." if unknown else ""
    if known:
        saving = (
            f"<b>{dollars(sum(known))}</b><small>could be saved per month, "
            f"{dollars(sum(known) * 12)} per year: {LIST_PRICE}.{more}</small>"
        )
    elif cheaper:
        saving = (
            f"<b>Unknown</b><small>What {len(cheaper):,} findings would save is not known, because "
            "their prices are not: run <code>prices</code>.</small>"
        )
    else:
        saving = "<b>Nothing</b><small>to save was found.</small>"
    running = (
        f"<b>{dollars(sum(priced) * HOURS_PER_MONTH)}</b><small>per month of {HOURS_PER_MONTH} "
        f"hours, if {_of(len(priced), len(rows))} instances always ran: {LIST_PRICE}, or what the "
        f"owner set. {'' if len(priced) == len(rows) else 'The price of the rest is unknown.'}"
        "</small>"
        if priced
        else "<b>Unknown</b><small>is what the fleet costs: no price is known.</small>"
    )
    excluded = len(rows) - len(heard)
    return (
        f'<section class="total" aria-label="In total"><div>{saving}</div>'
        f"<div><b>{len(found):,}</b><small>of {len(rows):,} instances have something to do. "
        f"{f'{excluded:,} are excluded and not counted.' if excluded else ''}</small></div>"
        f"<div>{running}</div></section>"
    )


def _of(some: int, all_: int) -> str:
    return f"all {all_:,}" if some == all_ else f"{some:,} of {all_:,}"


def coverage(rows: Sequence[Fact], gaps: Sequence[Fact]) -> str:
    """How many of the expected hours are known, and why the others are not."""
    expected = sum(row["hours_expected"] or 0 for row in rows)
    observed = sum(row["hours_observed"] or 0 for row in rows)
    said = (
        f"CPU is known for {observed:,} of {expected:,} hours in which the machines ran "
        f"({observed / expected * 100:.1f} %)."
        if expected
        else "No hour is expected of any machine."
    )
    reasons = "".join(
        f"<dt>{gap['hours']:,} h<dd>{text(REASONS.get(gap['reason'], gap['reason']))} "
        f"({gap['instances']:,} machines)"
        for gap in gaps
    )
    missing = f"<dl>{reasons}</dl>" if reasons else "<p>No hour is missing.</p>"
    return f"<section><h2>Coverage</h2><p>{said}</p>{missing}</section>"


def collection(runs: Fact) -> str:
    """What the runs of the last 30 days asked CloudWatch for, and what that costs."""
    if not runs["runs"]:
        said = "No run has read CloudWatch in the 30 days before."
    else:
        usd, many = runs["usd"], "run" if runs["runs"] == 1 else "runs"
        cost = "cost unknown" if usd is None else f"about {dollars(usd, 2 if usd >= 1 else 4)}"
        said = (
            f"In the 30 days before, {runs['runs']:,} {many} asked CloudWatch for "
            f"{runs['metrics_billed']:,} metrics in {runs['calls']:,} calls: {cost} by "
            f"CloudWatch's list price. {runs['incomplete']:,} were incomplete. The last ended "
            f"{minute(runs['last_finished'])}."
        )
    return f"<section><h2>The collection itself</h2><p>{said}</p></section>"


def sources(prices: Sequence[Fact]) -> str:
    """Where the prices come from."""
    if not prices:
        return '<p class="note">No prices are known, so no dollars are stated.</p>'
    said = "; ".join(
        f"{text(price['source'])}, {price['prices']:,} prices, newest of {minute(price['as_of'])}"
        for price in prices
    )
    return f'<p class="note">Prices: {said}. All are {LIST_PRICE}. A month is 730 hours.</p>'
