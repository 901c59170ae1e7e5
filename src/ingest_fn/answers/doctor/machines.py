"""Which machines are chosen, by which item, and whether CloudWatch knows anything of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ingest_fn.answers.doctor.checks import Check, Status, bad, doubtful, good
from ingest_fn.aws.clients import AWS_ERRORS, Clients, translate
from ingest_fn.discovery.agent import published_memory
from ingest_fn.discovery.parameters import read_selection
from ingest_fn.discovery.resolve import Resolved, resolve
from ingest_fn.errors import ConfigurationError, IngestError
from ingest_fn.pipeline.agent import memory_series
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.machine import Machine
from ingest_fn.pipeline.model import HOUR, HOUR_SECONDS, Api, Window
from ingest_fn.request.selection import Selection, Terms
from ingest_fn.request.window import floor

ASKED = 100
"""Instances whose data are looked for, in one call of GetMetricData: a tenth of a cent."""

ASKED_ONE_BY_ONE = 10
"""The same by GetMetricStatistics."""

LISTED = 5
_INSTALL = "Install the CloudWatch agent with mem_used_percent; without it memory stays NULL."


@dataclass
class Chosen:
    """The selection of a run, as far as it can be had."""

    clients: Clients
    now: datetime
    parameter: str | None
    selection: Selection | None
    lookback_hours: int = 24
    resolved: Resolved | None = None
    _error: IngestError | None = field(default=None, repr=False)

    @property
    def window(self) -> Window:
        """The hours that a run would read now."""
        end = floor(self.now)
        return Window(end - self.lookback_hours * HOUR, end)

    @property
    def instance_ids(self) -> Sequence[str]:
        """The instances that a run would ask for, where that is known."""
        return () if self.resolved is None else self.resolved.instance_ids

    def read_parameter(self) -> Iterator[Check]:
        """The SSM parameter, where no variable or argument says which instances to read."""
        if self.selection is not None:
            return
        if self.parameter is None:
            raise ConfigurationError(
                "Nothing says which instances to read: INSTANCE_IDS_PARAMETER is not set.",
                "Set it to the name of an SSM parameter, or set AWS_INSTANCE_IDS.",
            )
        path = self.parameter.endswith("/")
        action = "ssm:GetParametersByPath" if path else "ssm:GetParameter"
        self.selection = read_selection(
            self.clients.make("ssm"), self.parameter, time_left=self.clients.time_left
        )
        items = len(self.selection.items)
        yield good(action, f"Allowed: {self.parameter} holds {items:,} item{'s'[: items > 1]}.")

    def resolve(self) -> Iterator[Check]:
        """All chosen instances, and then what each item of the selection matches."""
        selection = self.selection
        if selection is None:
            return
        try:
            found = self.resolved = self._found(selection)
        except IngestError as error:
            yield bad("selection", error)
        else:
            count, idle = len(found.instance_ids), found.not_due
            if count or idle:
                stopped = f", {idle:,} more have nothing to read" if idle else ""
                yield good("selection", f"{count:,} to read{stopped}.")
            else:
                hint = "Correct the item or AWS_REGION; a run with nothing to read is ok, too."
                yield doubtful("selection", f"Nothing matched: {found.searched}.", hint)
        yield from self._items(selection)

    def _items(self, selection: Selection) -> Iterator[Check]:
        sides = ((selection.include, "", "matches"), (selection.exclude, "!", "excludes"))
        for terms, sign, verb in sides:
            for tags in terms.tags:
                item = f"{sign}{'&'.join(map(str, tags))}"
                try:
                    found = self._found(Selection(Terms(tags=(tags,))))
                except IngestError as error:
                    yield bad(item, error)
                    continue
                count = len(found.described or ())
                if count:
                    yield good(item, f"It {verb} {count:,}.")
                else:
                    hint = "Check key and value; both are case-sensitive, and the Region counts."
                    yield doubtful(item, f"It {verb} no instance.", hint)
        shown = None if self.resolved is None else self.resolved.shown
        for one in selection.include.ids if shown is not None else ():
            if one not in (shown or ()):
                yield doubtful(one, "EC2 does not show it.", "Check the id, account and Region.")

    def _found(self, selection: Selection) -> Resolved:
        time_left = self.clients.time_left
        return resolve(selection, self.clients, self.window, now=self.now, time_left=time_left)

    def data(self, api: Api | None) -> Iterator[Check]:
        """Whether CloudWatch has had anything of the instances in the window."""
        ids = self.instance_ids
        if not ids:
            return
        if api is Api.METRIC_STATISTICS:
            asked = ids[:ASKED_ONE_BY_ONE]
            silent = [one for one in asked if not self._by_statistics(one)]
        else:
            asked = ids[:ASKED]
            heard = self._by_data(asked)
            silent = [one for one in asked if one not in heard]
        window = f"the last {self.lookback_hours} h"
        some = "" if len(asked) == len(ids) else f" (of {len(ids):,})"
        if not silent:
            yield good("cloudwatch data", f"All {len(asked):,}{some} have data in {window}.")
            return
        names = ", ".join(silent[:LISTED]) + (" …" if len(silent) > LISTED else "")
        message = f"{len(silent):,} of {len(asked):,}{some} have no data in {window}: {names}."
        hint = "Check that the ids exist in this Region and account; stopped ones publish nothing."
        yield Check("cloudwatch data", Status.WARNING, message, hint)

    def _by_data(self, ids: Sequence[str]) -> set[str]:
        window = self.window
        queries = [
            {"Id": f"q{k}", "MetricStat": {"Metric": _metric(one), **_STAT}}
            for k, one in enumerate(ids)
        ]
        heard = set[str]()
        request: dict[str, Any] = {"StartTime": window.start, "EndTime": window.end}
        try:
            found = self.clients.make("cloudwatch").get_metric_data(
                MetricDataQueries=queries, **request
            )
        except AWS_ERRORS as error:
            raise translate(error, "cloudwatch:GetMetricData") from error
        for result in found.get("MetricDataResults") or ():
            if result.get("Values"):
                heard.add(ids[int(result["Id"].removeprefix("q"))])
        return heard

    def _by_statistics(self, instance_id: str) -> bool:
        window = self.window
        try:
            found = self.clients.make("cloudwatch").get_metric_statistics(
                **_metric(instance_id),
                StartTime=window.start,
                EndTime=window.end,
                Period=HOUR_SECONDS,
                Statistics=["Average"],
            )
        except AWS_ERRORS as error:
            raise translate(error, "cloudwatch:GetMetricStatistics") from error
        return bool(found.get("Datapoints"))

    def memory(self) -> Iterator[Check]:
        """How many of the instances have an agent that publishes memory."""
        ids = self.instance_ids
        if not ids:
            return
        described = (self.resolved and self.resolved.described) or {}
        machines = {one: described.get(one) or Machine.undescribed(one) for one in ids}
        client, time_left = self.clients.make("cloudwatch"), self.clients.time_left
        learnt = memory_series(machines, published_memory(client, time_left=time_left))
        having = sum(one.series is not None for one in learnt.values())
        message = f"{having:,} of {len(ids):,} have an agent that publishes memory."
        if having:
            yield good("agent memory", message)
        else:
            yield doubtful("agent memory", message, _INSTALL)


_STAT = {"Period": HOUR_SECONDS, "Stat": "Average"}


def _metric(instance_id: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/EC2",
        "MetricName": DEFAULT[0].metric,
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
    }
