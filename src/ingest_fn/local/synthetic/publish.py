"""A synthetic fleet into a CloudWatch endpoint; only an emulator takes the namespace AWS/EC2."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest_fn.errors import ConfigurationError
from ingest_fn.local.synthetic.fleet import Machine
from ingest_fn.local.synthetic.metrics import agent_data, metric_data
from ingest_fn.pipeline.agent import NAMESPACE
from ingest_fn.pipeline.model import Window

_BATCH = 500
"""Entries a call; PutMetricData takes a thousand."""


def publish(cloudwatch: Any, fleet: Sequence[Machine], window: Window) -> int:
    """Publish the fleet's hours of ``window`` and return how many entries went out.

    Raises ConfigurationError where the endpoint refuses them, as the real CloudWatch does.
    """
    published = {
        "AWS/EC2": list(chain.from_iterable(metric_data(one, window) for one in fleet)),
        NAMESPACE: list(chain.from_iterable(agent_data(one, window) for one in fleet)),
    }
    try:
        for namespace, entries in published.items():
            for first in range(0, len(entries), _BATCH):
                cloudwatch.put_metric_data(
                    Namespace=namespace, MetricData=entries[first : first + _BATCH]
                )
    except (BotoCoreError, ClientError) as error:
        raise ConfigurationError(
            f"CloudWatch did not take the synthetic metrics: {error}",
            "AWS keeps AWS/EC2 to itself: point AWS_ENDPOINT_URL at an emulator.",
        ) from error
    return sum(map(len, published.values()))
