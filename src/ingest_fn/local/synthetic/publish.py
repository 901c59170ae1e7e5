"""A synthetic fleet into a CloudWatch endpoint; only an emulator takes the namespace AWS/EC2."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest_fn.errors import ConfigurationError
from ingest_fn.local.synthetic.fleet import Machine
from ingest_fn.local.synthetic.metrics import metric_data
from ingest_fn.pipeline.model import Window

_BATCH = 500
"""Entries a call; PutMetricData takes a thousand."""


def publish(cloudwatch: Any, fleet: Iterable[Machine], window: Window) -> int:
    """Publish the fleet's hours of ``window`` and return how many entries went out.

    Raises ConfigurationError where the endpoint refuses them, as the real CloudWatch does.
    """
    entries = list(chain.from_iterable(metric_data(machine, window) for machine in fleet))
    try:
        for first in range(0, len(entries), _BATCH):
            cloudwatch.put_metric_data(
                Namespace="AWS/EC2", MetricData=entries[first : first + _BATCH]
            )
    except (BotoCoreError, ClientError) as error:
        raise ConfigurationError(
            f"CloudWatch did not take the synthetic metrics: {error}",
            "AWS keeps AWS/EC2 to itself: point AWS_ENDPOINT_URL at an emulator.",
        ) from error
    return len(entries)
