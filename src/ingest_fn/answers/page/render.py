"""The whole page as one HTML file.

Its Content-Security-Policy lets nothing be fetched, and nothing be run but the style and the script
inside, which it names by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from ingest_fn.answers.page.drawing import LEVELS, fleet_by_day
from ingest_fn.answers.page.model import FINDINGS, VERDICTS, minute, team_of, text
from ingest_fn.answers.page.parts import collection, coverage, sources, totals
from ingest_fn.answers.page.rows import item

Fact = dict[str, Any]

MANY = 1500
"""Machines from which a point of a sparkline stands for more hours, to keep the file small."""


class Facts(Protocol):
    """What the page shows; ``postgres.report.Facts`` says what each holds."""

    @property
    def start(self) -> datetime: ...  # noqa: D102
    @property
    def end(self) -> datetime: ...  # noqa: D102
    @property
    def verdicts(self) -> Sequence[Fact]: ...  # noqa: D102
    @property
    def series(self) -> Mapping[str, Fact]: ...  # noqa: D102
    @property
    def gaps(self) -> Sequence[Fact]: ...  # noqa: D102
    @property
    def runs(self) -> Fact: ...  # noqa: D102
    @property
    def prices(self) -> Sequence[Fact]: ...  # noqa: D102


def render(facts: Facts, as_of: datetime, *, team_tag: str = "Team") -> str:
    """The page as of ``as_of`` (aware, UTC). ``team_tag``: the key of the tag that names a team."""
    hours = (facts.end - facts.start) // timedelta(hours=1)
    few = 4 if len(facts.verdicts) <= MANY else 8
    step = few if hours > 96 else 1  # noqa: PLR2004  four days fit as they are
    items = "".join(
        item(row, facts.series.get(row["instance_id"]), facts.start, hours, step, tag=team_tag)
        for row in facts.verdicts
    )
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    period = f"{minute(facts.start)} to {minute(facts.end)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>Hourmeter, {as_of:%Y-%m-%d}</title><style>{style}</style></head>\n<body>"
        f"<header><h1>Hourmeter: what to do about {len(facts.verdicts):,} instances</h1>"
        f'<p>As of <time datetime="{as_of:%Y-%m-%dT%H:%M:%SZ}">{minute(as_of)}</time>, over '
        f"{period}.</p></header>\n<main>{totals(facts.verdicts)}"
        "<section><h2 id=findings>Findings, the most dollars first</h2>"
        f"{_form(facts.verdicts, team_tag)}"
        f'{_key(step)}<ol class="rows" aria-labelledby="findings">{items}</ol></section>'
        f"{'' if facts.verdicts else '<p>No instance is known yet.</p>'}"
        f"<h2>The fleet by day</h2><figure>"
        f"{fleet_by_day(facts.series.values(), facts.start, hours)}"
        f"<figcaption>Mean CPU of all machines; days from left to right, hours of the day (UTC) "
        f"downwards. {_scale()}</figcaption></figure>"
        f'<div class="two">{coverage(facts.verdicts, facts.gaps)}{collection(facts.runs)}</div>'
        f"{_legend()}{sources(facts.prices)}</main>\n<script>{script}</script></body></html>\n"
    )


@cache
def _asset(name: str) -> str:
    return (files("ingest_fn.answers.page") / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _form(rows: Sequence[Fact], tag: str) -> str:
    counts = Counter(row["verdict"] for row in rows)
    found = sum(counts[verdict] for verdict in FINDINGS)
    verdicts = "".join(
        f'<option value="{verdict}">{title} ({counts[verdict]:,})</option>'
        for verdict, (title, _) in VERDICTS.items()
    )
    teams = "".join(
        # The dot tells "no team" from "all teams".
        f'<option value=".{text(team)}">{text(team) or "no team"}</option>'
        for team in sorted({team_of(row, tag) for row in rows})
    )
    return (
        '<form class="go" aria-label="Filter and sort" role="search">'
        '<label>Find <input type="search" name="find" placeholder="name, id, type, reason"></label>'
        '<label>Verdict <select name="verdict"><option value="">All</option>'
        f'<option value="findings">Something to do ({found:,})</option>{verdicts}</select></label>'
        f'<label>{text(tag)} <select name="team"><option value="">All</option>{teams}</select>'
        '</label><label>Sort by <select name="sort"><option value="saving">Saving</option>'
        '<option value="name">Name</option><option value="team">Team</option>'
        '<option value="peak">Highest CPU</option><option value="confidence">Confidence</option>'
        '</select></label><label class="b"><input type="checkbox" name="excluded" checked> '
        'Excluded too</label><output aria-live="polite"></output></form>'
    )


def _key(step: int) -> str:
    lines = (("m", "CPU, mean"), ("x", "CPU, highest"), ("n", "network, of its own highest"),
             ("e", "memory"), ("g", "hours without data"))  # fmt: skip
    shown = "".join(
        f'<li><svg viewBox="0 0 24 8" aria-hidden="true"><path class="{name}" d="M0 4h24"/></svg>'
        f"{says}</li>"
        for name, says in lines
    )
    return f'<ul class="key">{shown}<li>one point per {step} h</li></ul>'


def _scale() -> str:
    cells = "".join(
        f'<rect class="h{at}" x="{at * 14}" y="0" width="13" height="10"/>'
        for at in range(len(LEVELS) + 1)
    )
    edges = ", ".join(map(str, LEVELS))
    return (
        f'<svg class="scale" viewBox="0 0 84 10" aria-hidden="true">{cells}</svg> '
        f"Colours change at {edges} %; an empty frame is unknown."
    )


def _legend() -> str:
    meanings = "".join(
        f'<dt><span class="v {verdict}">{title}</span><dd>{text(meaning)} <code>{verdict}</code>'
        for verdict, (title, meaning) in VERDICTS.items()
    )
    return f'<h2>What the verdicts mean</h2><dl class="legend">{meanings}</dl>'
