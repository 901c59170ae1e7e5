"""One structured summary line and one EMF blob a run, both through stdout: no call, no endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from ingest_fn.errors import IncompleteRunError, IngestError, UnexpectedError
from ingest_fn.pipeline.model import Outcome
from ingest_fn.pipeline.result import RunResult

NAMESPACE = "Hourmeter"
SERVICE = "ingest_fn"


@contextmanager
def recorded(request_id: str, suffix: str = "") -> Iterator[Callable[[RunResult], None]]:
    """Log and measure the run inside, whole or not. Hand the result to what this yields.

    The metrics' dimension is POWERTOOLS_SERVICE_NAME or else ``SERVICE``, with ``suffix``: a
    fan-out has its own dimension, so that its parts are not counted twice.

    An error passes through after its line is logged: one line, ids and reasons, no secret.
    """
    service = (os.environ.get("POWERTOOLS_SERVICE_NAME") or SERVICE) + suffix
    logger = Logger(service=service)
    logger.append_keys(function_request_id=request_id)
    begun = monotonic()

    def record(result: RunResult) -> None:
        level = logger.info if result.status == "ok" and not result.run.warnings else logger.warning
        level("run finished", extra=result.as_dict() | {"error": result.error})
        if not result.run.dry_run:  # which would hide that no run has stored anything for hours
            _emit(result, monotonic() - begun, service)

    try:
        yield record
    except IncompleteRunError as error:
        record(error.result)
        raise
    except IngestError as error:
        logger.error("run refused", extra={"reason": error.message, "hint": error.hint})  # noqa: TRY400  a traceback would bury the sentence
        raise
    except BaseException as error:
        # The last resort: the run is over whatever came, and whoever watches must hear of it.
        unexpected = UnexpectedError(error)
        said = {"reason": unexpected.message, "hint": unexpected.hint}
        logger.error("run failed", extra=said)  # noqa: TRY400  the runtime logs the traceback
        raise


def _emit(result: RunResult, seconds: float, service: str) -> None:
    metrics = Metrics(namespace=NAMESPACE, service=service)
    counts = result.counts
    for outcome in Outcome:
        count = getattr(counts, outcome)
        metrics.add_metric(f"Instances{outcome.value.capitalize()}", MetricUnit.Count, count)
    metrics.add_metric("RowsInserted", MetricUnit.Count, counts.inserted)
    metrics.add_metric("RowsUpdated", MetricUnit.Count, counts.updated)
    metrics.add_metric("RowsUnchanged", MetricUnit.Count, counts.unchanged)
    metrics.add_metric("MetricsBilled", MetricUnit.Count, result.cost.metrics_billed)
    metrics.add_metric("EstimatedCostUsd", MetricUnit.NoUnit, result.estimated_cost_usd)
    metrics.add_metric("RunDuration", MetricUnit.Seconds, seconds)
    metrics.add_metric("CompleteRuns", MetricUnit.Count, int(result.status == "ok"))
    if result.newest_hour_age is not None:
        metrics.add_metric("NewestHourAge", MetricUnit.Seconds, result.newest_hour_age)
    metrics.flush_metrics()
