"""Who asks AWS, in which Region, by which clock, and what it may do there: each by asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from ingest_fn.answers.doctor.checks import Check, Probe, Status, bad, good
from ingest_fn.aws.clients import AWS_ERRORS, Clients, error_code, translate
from ingest_fn.pipeline.agent import MEMORY_METRICS, NAMESPACE
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.model import HOUR, HOUR_SECONDS, Api
from ingest_fn.request.window import floor

WORLD = "us-east-1"
"""The Region that no account can turn off."""

REFUSED_AFTER = 300.0
"""Seconds that a signature may be off (AWS's Signature Version 4, "Elements of a request")."""

NOTICED_AFTER = 30.0

NOBODY = "i-00000000000000000"
"""An instance that does not exist: a permission is there or not, whatever is asked about."""

_OFF = {"AuthFailure", "InvalidClientTokenId", "OptInRequired", "UnrecognizedClientException"}
_SET = "Let the system set it: timedatectl set-ntp true, or the time service of the host."
_TURN_ON = "Turn the Region on for the account (aws account enable-region), or correct AWS_REGION."


def identity(clients: Clients, region: str) -> Iterator[Check]:
    """Credentials, Region and clock, by one question to STS, which needs no permission."""
    try:
        answer = clients.make("sts").get_caller_identity()
    except AWS_ERRORS as error:
        yield from _refused(clients, region, error)
        return
    yield good("credentials", f"Account {answer['Account']}, {answer['Arn'].rpartition(':')[2]}.")
    yield good("region", f"{region} answers.")
    yield from clock(answer)


def _refused(clients: Clients, region: str, error: Exception) -> Iterator[Check]:
    reason = translate(error, "sts:GetCallerIdentity")
    off = isinstance(error, ClientError) and error_code(error) in _OFF
    if off and region != WORLD and _known_elsewhere(clients):
        yield good("credentials", f"They are valid in {WORLD}.")
        message = f"{region} does not know the account that {WORLD} knows."
        yield Check("region", Status.WRONG, message, _TURN_ON)
    else:
        yield bad("credentials", reason)
    if isinstance(error, ClientError):
        yield from clock(error.response)


def _known_elsewhere(clients: Clients) -> bool:
    try:
        clients.elsewhere(WORLD).make("sts").get_caller_identity()
    except AWS_ERRORS:
        return False
    return True


def clock(answer: Mapping[str, Any]) -> Iterator[Check]:
    """The clock of this machine against the Date of AWS's answer, if there is one."""
    stamp = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not stamp:
        return
    try:
        off = (datetime.now(UTC) - parsedate_to_datetime(stamp)).total_seconds()
    except (TypeError, ValueError):
        return
    if abs(off) < NOTICED_AFTER:
        yield good("clock", "It agrees with AWS's to the minute.")
        return
    message = (
        f"This machine's clock is {abs(off):,.0f} s {'ahead of' if off > 0 else 'behind'} AWS's."
    )
    if abs(off) < REFUSED_AFTER:
        yield Check("clock", Status.WARNING, message, _SET)
    else:
        yield Check("clock", Status.WRONG, f"{message} AWS refuses what it signs.", _SET)


def permissions(
    clients: Clients, *, now: datetime, api: Api | None, asks_ec2: bool, asks_agents: bool
) -> dict[str, Probe]:
    """One cheap question for each action that a run may need: at most two metrics are billed."""
    hour = {"StartTime": floor(now) - HOUR, "EndTime": floor(now)}
    metric = {
        "Namespace": "AWS/EC2",
        "MetricName": DEFAULT[0].metric,
        "Dimensions": [{"Name": "InstanceId", "Value": NOBODY}],
    }
    stat = {"Metric": metric, "Period": HOUR_SECONDS, "Stat": "Average"}
    query = [{"Id": "q", "MetricStat": stat, "ReturnData": True}]
    one = {**metric, "Period": HOUR_SECONDS, "Statistics": ["Average"], **hour}
    asked: dict[str, Callable[[], object]] = {}
    if api is not Api.METRIC_STATISTICS:
        asked["cloudwatch:GetMetricData"] = lambda: clients.make("cloudwatch").get_metric_data(
            MetricDataQueries=query, **hour
        )
    if api is not Api.METRIC_DATA:
        asked["cloudwatch:GetMetricStatistics"] = lambda: clients.make(
            "cloudwatch"
        ).get_metric_statistics(**one)
    if asks_agents:
        asked["cloudwatch:ListMetrics"] = lambda: clients.make("cloudwatch").list_metrics(
            Namespace=NAMESPACE, MetricName=MEMORY_METRICS[0]
        )
    if asks_ec2:
        asked["ec2:DescribeInstances"] = lambda: clients.make("ec2").describe_instances(
            MaxResults=5
        )
        asked["ec2:DescribeInstanceTypes"] = lambda: clients.make("ec2").describe_instance_types(
            MaxResults=5
        )
    return {action: _tried(action, ask) for action, ask in asked.items()}


def _tried(action: str, ask: Callable[[], object]) -> Probe:
    def probe() -> Iterator[Check]:
        try:
            ask()
        except AWS_ERRORS as error:
            raise translate(error, action) from error
        yield good(action, "Allowed: it was tried.")

    return probe
