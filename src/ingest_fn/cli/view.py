"""A run as a person sees it: a banner, one line per instance, a closing total."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.text import Text

from ingest_fn.pipeline.model import HOUR_SECONDS, Api, InstanceOutcome, Outcome, Series, zulu
from ingest_fn.pipeline.ports import NoObserver
from ingest_fn.pipeline.result import RunInfo, RunResult

STYLES = {
    Outcome.OK: "green",
    Outcome.EMPTY: "yellow",
    Outcome.PARTIAL: "magenta",
    Outcome.FAILED: "red",
}
API_NAMES = {
    Api.METRIC_DATA: "GetMetricData",
    Api.METRIC_STATISTICS: "GetMetricStatistics",
    Api.SYNTHETIC: "none: the metrics are made up",
}
EMPTY_LISTED = 5
HOURS_DRAWN, BARS = 24, "▁▂▃▄▅▆▇█"
KEY = "mean CPU of the last hours, 0 to 100 %; + inserted, ~ updated, = unchanged"


def notify(line: str) -> None:
    """A word to the person, out of the way of what a pipe reads."""
    print(line, file=sys.stderr)


class JsonView(NoObserver):
    """Shows nothing but the result, for a machine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to tidy."""

    def closing(self, result: RunResult) -> None:
        """The handler's result as one line of JSON."""
        print(json.dumps(result.as_dict()))


class View:
    """Shows a run as it goes. Plain lines without a terminal, colours and a bar with one."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(highlight=False)
        # Whatever reads a pipe wants whole lines; on a terminal words are wrapped.
        self._console.soft_wrap = not self._console.is_terminal
        self._quiet = quiet
        self._empty: list[str] = []
        self._progress = Progress(
            "{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._progress.add_task("Reading", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, run: RunInfo) -> None:
        """The banner."""
        self._progress.update(self._task, total=run.requested)
        if self._quiet:
            return
        say, window = self._console.print, run.window
        say("[bold]Hourmeter, CloudWatch → Postgres[/]" + ("  (dry run)" if run.dry_run else ""))
        say(f"  Region     {run.region}")
        say(f"  Instances  {run.requested:,}")
        say(f"  Window     {zulu(window.start)} up to {zulu(window.end)} ({window.hour_count} h)")
        say(f"  API        {API_NAMES[run.api]}")
        if self._console.is_terminal:
            say(f"  [dim]{KEY}[/]")
        say()

    def batch(self, outcomes: Sequence[InstanceOutcome]) -> None:
        """A line for each instance."""
        self._progress.advance(self._task, len(outcomes))
        self._empty += [line.instance_id for line in outcomes if line.outcome is Outcome.EMPTY]
        if not self._quiet:
            for line in outcomes:
                self._console.print(_line(line, drawn=self._console.is_terminal))

    def closing(self, result: RunResult) -> None:
        """The total, and what to check where something is missing."""
        self._progress.stop()
        say, run = self._console.print, result.run
        counts = result.counts
        ends = ", ".join(f"{getattr(counts, outcome):,} {outcome}" for outcome in Outcome)
        would = " (would be; a dry run writes nothing)" if run.dry_run else ""
        if not self._quiet:
            say()
        say(f"[bold]{run.requested:,} instances[/]: {ends}; {counts.created:,} new")
        say(
            f"[bold]{counts.inserted + counts.updated + counts.unchanged:,} rows[/]: "
            f"{counts.inserted:,} inserted, {counts.updated:,} updated, "
            f"{counts.unchanged:,} unchanged{would}"
        )
        if run.api is not Api.SYNTHETIC:
            say(self._cost(result))
        self._advise(run.region)

    def _cost(self, result: RunResult) -> str:
        dollars = result.estimated_cost_usd
        cost = f"about ${dollars:.4f}" if dollars else "$0: within the month's free requests"
        return (
            f"[bold]{result.cost.calls:,} calls[/] to {API_NAMES[result.run.api]}, "
            f"{result.cost.metrics_billed:,} metrics billed, {cost}"
        )

    def _advise(self, region: str) -> None:
        say = self._console.print
        if self._empty:
            shown = ", ".join(self._empty[:EMPTY_LISTED])
            more = f" and {len(self._empty) - EMPTY_LISTED:,} more" * (
                len(self._empty) > EMPTY_LISTED
            )
            say(
                f"[yellow]No data[/] for {shown}{more}: check that the id exists in {region} "
                "and that the instance ran in the window; a stopped one publishes nothing."
            )


def _line(line: InstanceOutcome, *, drawn: bool) -> Text:
    """At most 80 columns, but for a reason. ``drawn``: with the CPU of its last hours."""
    text = Text.assemble(
        f"  {line.instance_id:<19}  ", (f"{line.outcome:<7}", STYLES[line.outcome])
    )
    if line.datapoints:
        if drawn:
            text.append(f"  {sparkline(line.cpu or {}):<{HOURS_DRAWN}}", "blue")
            text.append(f"  +{line.inserted} ~{line.updated} ={line.unchanged}")
        else:
            text.append(
                f"  {line.inserted:>3} inserted  {line.updated:>3} updated  "
                f"{line.unchanged:>3} unchanged"
            )
    if line.created:
        text.append("  new", "cyan")
    if line.reason is not None:
        text.append(f"  {line.reason}")
    return text


def sparkline(cpu: Series) -> str:
    """Mean CPU (percent) of the last hours up to the newest, one character per hour.

    An hour that is not known is a blank.
    """
    if not cpu:
        return ""
    newest = max(cpu)
    first = max(min(cpu), newest - (HOURS_DRAWN - 1) * HOUR_SECONDS)
    hours = range(first, newest + 1, HOUR_SECONDS)
    return "".join(
        BARS[min(int(cpu[hour] * len(BARS) / 100), len(BARS) - 1)] if hour in cpu else " "
        for hour in hours
    )
