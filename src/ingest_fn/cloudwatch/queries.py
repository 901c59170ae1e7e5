"""The queries of a GetMetricData call, as the JSON that is sent."""

from __future__ import annotations

import json
from functools import cache

from ingest_fn.pipeline.model import HOUR_SECONDS, Batch
from ingest_fn.pipeline.statistic import Need, Statistics


def body_of(batch: Batch, token: str | None) -> bytes:
    """The JSON of the call. A metric's statistics follow each other, so they are billed once."""
    heads = _query_heads(batch.statistics)
    agents = [k for k, entry in enumerate(batch.statistics) if entry.needs is Need.AGENT]
    queries = ",".join(
        _agent_query(p, s, batch)
        if agents and s in agents
        else f'{{"Id":"i{p}s{s}",{head}{id_}{_QUERY_TAIL}'
        for p, id_ in enumerate(batch.instance_ids)
        for s, head in enumerate(heads)
    )
    paging = f',"NextToken":{json.dumps(token)}' if token else ""
    hours = batch.window.hours
    return (
        f'{{"MetricDataQueries":[{queries}],"StartTime":{hours.start},"EndTime":{hours.stop},'
        f'"ScanBy":"TimestampAscending"{paging}}}'
    ).encode()


def _agent_query(position: int, statistic: int, batch: Batch) -> str:
    """The query for a statistic of an agent, under the name and dimensions that it published."""
    entry, series = batch.statistics[statistic], batch.series[batch.instance_ids[position]]
    metric = {
        "Namespace": entry.namespace,
        "MetricName": series.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
    }
    stat = {"Period": HOUR_SECONDS, "Stat": entry.statistic, "Metric": metric}
    return json.dumps({"Id": f"i{position}s{statistic}", "MetricStat": stat})


@cache
def _query_heads(statistics: Statistics) -> tuple[str, ...]:
    return tuple(
        f'"MetricStat":{{"Period":{HOUR_SECONDS},"Stat":"{s.statistic}","Metric":{{'
        f'"Namespace":"{s.namespace}","MetricName":"{s.metric}",'
        f'"Dimensions":[{{"Name":"InstanceId","Value":"'
        for s in statistics
    )


_QUERY_TAIL = '"}]}}}'
