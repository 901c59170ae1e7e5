"""SVG paths and heat maps, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from ingest_fn.answers.page.model import text

Values = Sequence[float | None]

WIDTH, CPU_HEIGHT, LANE = 168, 32, 10
HEIGHT = CPU_HEIGHT + 2 * LANE + 8
ALL_NAMED = 31
"""Days up to which each gets its label."""

LEVELS = (5, 20, 40, 60, 80)
"""Percent at which the colour of a heat map changes."""


def spread(found: dict[str, Any] | None, name: str, hours: int) -> list[float | None]:
    """The values of ``name`` by hour of the window; None where there is none."""
    values: list[float | None] = [None] * hours
    if found is not None:
        for hour, value in zip(found["hours"], found[name], strict=True):
            values[hour] = value
    return values


def sparkline(found: dict[str, Any] | None, hours: int, step: int, label: str) -> str:
    """CPU mean and maximum, then network, memory and the missing hours, below each other.

    ``step``: hours per point. A point is the mean (for the maximum: the greatest) of what is known.
    """
    mean, peak = (spread(found, name, hours) for name in ("cpu", "cpu_max"))
    network, memory = (spread(found, name, hours) for name in ("network", "memory"))
    busiest = max((value for value in network if value is not None), default=0) or 1
    lanes = (
        ("x", [max(known, default=None) for known in _pieces(peak, step)], 0, CPU_HEIGHT, 100),
        ("m", _means(mean, step), 0, CPU_HEIGHT, 100),
        ("n", _means(network, step), CPU_HEIGHT + 3, LANE, busiest),
        ("e", _means(memory, step), CPU_HEIGHT + LANE + 5, LANE, 100),
    )
    width = WIDTH / -(-hours // step)
    paths = "".join(
        f'<path class="{name}" d="{d}"/>'
        for name, values, top, height, full in lanes
        if (d := _path(values, width, top, height, full))
    )
    missing = _missing(mean, WIDTH / hours)
    if missing:
        paths += f'<path class="g" d="{missing}"/>'
    return (
        f'<svg class="k" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{text(label)}">{paths}</svg>'
    )


def _pieces(values: Values, step: int) -> Iterable[list[float]]:
    for first in range(0, len(values), step):
        yield [value for value in values[first : first + step] if value is not None]


def _means(values: Values, step: int) -> list[float | None]:
    return [sum(known) / len(known) if known else None for known in _pieces(values, step)]


def _path(values: Values, width: float, top: int, height: int, full: float) -> str:
    """A line through the known values; where one is unknown the line is broken."""
    parts: list[str] = []
    position = 0.0
    for known, run in groupby(values, key=lambda value: value is not None):
        points = list(run)
        if known:
            heights = [round(top + height * (1 - min(v or 0, full) / full)) for v in points]
            # A single point is drawn as a dash, because a line to nowhere is not seen.
            parts.append(f"M{position + width / 2:.4g} {heights[0]}")
            if len(points) == 1:
                parts.append(f"h{width / 2:.3g}")
            previous = heights[0]
            for y in heights[1:]:
                rise = y - previous
                parts.append(f"h{width:.3g}" if rise == 0 else f"l{width:.3g} {rise}")
                previous = y
        position += width * len(points)
    return "".join(parts)


def _missing(values: Values, width: float) -> str:
    parts, position = [], 0
    for missing, run in groupby(values, key=lambda value: value is None):
        count = len(list(run))
        if missing:
            parts.append(f"M{position * width:.4g} {HEIGHT - 1}h{count * width:.4g}")
        position += count
    return "".join(parts)


def level(value: float | None) -> str:
    """The step of a heat map's colours, 0 to 5; ``-`` is unknown."""
    return "-" if value is None else str(sum(value >= edge for edge in LEVELS))


def week(found: dict[str, Any] | None, start: datetime) -> str:
    """The mean CPU of each hour of the week, Monday 0 h first, as 168 levels."""
    if found is None:
        return "-" * 168
    sums, counts = [0.0] * 168, [0] * 168
    offset = start.weekday() * 24 + start.hour
    for hour, value in zip(found["hours"], found["cpu"], strict=True):
        if value is not None:
            sums[(hour + offset) % 168] += value
            counts[(hour + offset) % 168] += 1
    return "".join(
        level(total / count if count else None) for total, count in zip(sums, counts, strict=True)
    )


def fleet_by_day(series: Iterable[dict[str, Any]], start: datetime, hours: int) -> str:
    """Mean CPU of all machines by day (columns) and hour of the day (rows), in UTC."""
    sums, counts = [0.0] * hours, [0] * hours
    for found in series:
        for hour, value in zip(found["hours"], found["cpu"], strict=True):
            if value is not None:
                sums[hour] += value
                counts[hour] += 1
    first = start.replace(hour=0)
    days = (start + timedelta(hours=hours - 1) - first).days + 1
    cells = []
    for hour in range(hours):
        at = hour + start.hour
        shown = level(sums[hour] / counts[hour] if counts[hour] else None)
        name = "u" if shown == "-" else f"h{shown}"
        cells.append(
            f'<rect class="{name}" x="{26 + at // 24 * 22}" y="{at % 24 * 7}" '
            'width="21" height="6"/>'
        )
    labels = "".join(
        f'<text x="{36.5 + day * 22}" y="181" text-anchor="middle">'
        f"{first + timedelta(days=day):%d}</text>"
        for day in range(days)
        if days <= ALL_NAMED or day % 7 == 0
    )
    labels += "".join(
        f'<text x="20" y="{hour * 7 + 6}" text-anchor="end">{hour:02}</text>'
        for hour in (0, 6, 12, 18)
    )
    end = start + timedelta(hours=hours)
    busy = max(zip(sums, counts, range(hours), strict=True), key=lambda t: t[0] / (t[1] or 1))
    label = (
        f"Mean CPU of the fleet by day and hour, {start:%d %B} to {end:%d %B %Y}, UTC; highest "
        f"{busy[0] / (busy[1] or 1):.0f} % on {start + timedelta(hours=busy[2]):%d %B at %H:%M}"
        if any(counts)
        else "Mean CPU of the fleet by day and hour: nothing is known"
    )
    return (
        f'<svg class="fleet" viewBox="0 0 {28 + days * 22} 186" role="img" '
        f'aria-label="{text(label)}">{"".join(cells)}{labels}</svg>'
    )
