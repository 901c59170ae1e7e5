"""Which series CloudWatch agents publish: ListMetrics over their namespace.

ListMetrics omits what has been silent for two weeks. A page holds 500 series (its API reference).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ingest_fn.discovery.pages import pages
from ingest_fn.pipeline.agent import MEMORY_METRICS, NAMESPACE, AgentSeries

ACTION = "cloudwatch:ListMetrics"


def published_memory(
    client: Any, *, time_left: Callable[[], float] = lambda: math.inf
) -> Iterator[AgentSeries]:
    """Every memory series of the account and Region, for a client of CloudWatch.

    Raises AccessDeniedError and AwsError.
    """
    for metric in MEMORY_METRICS:
        request = {"Namespace": NAMESPACE, "MetricName": metric}
        for page in pages(client, "list_metrics", ACTION, time_left, **request):
            for found in page.get("Metrics") or ():
                # An emulator may take no heed of the name.
                if found["MetricName"] == metric and found["Namespace"] == NAMESPACE:
                    named = ((d["Name"], d["Value"]) for d in found.get("Dimensions") or ())
                    yield AgentSeries(metric, tuple(sorted(named)))
