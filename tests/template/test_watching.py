"""What fails must be heard of: both queues, the alarms, and the metrics that they look at."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ingest_fn import app, telemetry
from ingest_fn.local.aws import LocalAws
from tests.making import new_result
from tests.template.cloudformation import Stack, values_of
from tests.template.combinations import COMBINATIONS, INSTANCE_ID

STACK_NAME = "ingest-prod"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:oncall"
FOURTEEN_DAYS = str(14 * 24 * 3600)


@pytest.fixture(scope="module")
def stack() -> Stack:
    options = COMBINATIONS["from nothing, endpoints"].options
    return Stack(options | {"AlarmTopicArn": TOPIC})


@pytest.fixture(scope="module")
def alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    return stack.of_type("AWS::CloudWatch::Alarm")


def failure_queues(stack: Stack) -> set[str]:
    """Where the schedule and the function leave what they could not do."""
    schedule = stack["IngestFunctionSchedule"]["Target"]["DeadLetterConfig"]["Arn"]
    destinations = stack["IngestFunctionEventInvokeConfig"]["DestinationConfig"]
    on_failure = destinations["OnFailure"]["Destination"]
    return {schedule["Fn::GetAtt"][0], on_failure["Fn::GetAtt"][0]}


def test_both_failure_channels_end_in_queues_of_their_own_that_are_watched(
    stack: Stack, alarms: dict[str, dict[str, Any]]
) -> None:
    queues = failure_queues(stack)
    assert len(queues) == 2
    watched = {
        value["Fn::GetAtt"][0]
        for alarm in alarms.values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        and alarm["ComparisonOperator"] == "GreaterThanThreshold"
        and alarm["Threshold"] == "0"
        for value in values_of(alarm["Dimensions"], "Value")
    }
    assert watched == queues
    (policy,) = stack.of_type("AWS::SQS::QueuePolicy").values()
    assert {name for queue in policy["Queues"] for name in queue.values()} == queues
    for name in queues:
        assert stack[name]["MessageRetentionPeriod"] == FOURTEEN_DAYS
        assert stack[name]["SqsManagedSseEnabled"] is True


def test_failed_events_are_retried_and_the_schedule_sends_the_scheduled_time(stack: Stack) -> None:
    assert stack["IngestFunctionEventInvokeConfig"]["MaximumRetryAttempts"] == "2"
    target = stack["IngestFunctionSchedule"]["Target"]
    assert json.loads(target["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    assert int(target["RetryPolicy"]["MaximumRetryAttempts"]) > 0


def test_every_alarm_tells_the_topic_when_it_begins_and_ends(
    alarms: dict[str, dict[str, Any]],
) -> None:
    watched = {"StaleAlarm", "FailedEventsAlarm", "UndeliveredAlarm", "ErrorsAlarm"}
    assert alarms.keys() == watched | {"ThrottlesAlarm", "DurationAlarm"}
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]


def test_silence_is_an_alarm_in_staleness_alone(alarms: dict[str, dict[str, Any]]) -> None:
    breaching = [name for name, one in alarms.items() if one["TreatMissingData"] == "breaching"]
    assert breaching == ["StaleAlarm"]
    stale = alarms["StaleAlarm"]
    assert stale["ComparisonOperator"] == "LessThanThreshold"
    assert (stale["Statistic"], stale["Threshold"], stale["Period"]) == ("Sum", "1", "3600")
    assert stale["EvaluationPeriods"] == "3"


def test_without_a_topic_the_alarms_stand_and_tell_nobody() -> None:
    stack = Stack(COMBINATIONS["from nothing, endpoints"].options)
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        assert "AlarmActions" not in alarm


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str]) -> Any:
    """The metrics that a run leaves, as CloudWatch reads them."""
    done = new_result()
    done.newest_hour_age = 900.0
    with telemetry.recorded("request") as record:
        record(done)
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def named(text: str) -> set[str]:
    """The names of metrics in a dashboard, of the function's own namespace."""
    rows = re.findall(r'\["(?:Hourmeter|\.)", "(\w+)", "(?:service|\.)"', text)
    return set(rows) - {"CPUUtilization"}


def test_alarms_and_dashboard_look_at_metrics_that_a_run_emits(
    stack: Stack, alarms: dict[str, dict[str, Any]], emitted: dict[str, Any]
) -> None:
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    names = {metric["Name"] for metric in directive["Metrics"]}
    assert directive["Dimensions"] == [["service"]]
    stale = alarms["StaleAlarm"]
    assert (stale["Namespace"], stale["MetricName"] in names) == (directive["Namespace"], True)
    assert stale["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]
    shown = named(stack["Dashboard"]["DashboardBody"]["Fn::Sub"][0])
    assert len(shown) > 9
    assert shown <= names


class Context:
    aws_request_id = "c3a1f2d4"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def test_the_metrics_of_two_stacks_stay_apart(
    stack: Stack,
    aws: LocalAws,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables = stack["IngestFunction"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", STACK_NAME)
    monkeypatch.setenv("DATABASE_URL", database_url)
    app.ingester.cache_clear()
    handler: Any = app.lambda_handler
    handler({"instance_ids": [INSTANCE_ID]}, Context())
    app.ingester().close()
    app.ingester.cache_clear()
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["service"] == STACK_NAME


@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS)
def test_the_dashboard_is_json(combination: Any) -> None:
    stack = Stack(combination.options)
    text, inner = stack["Dashboard"]["DashboardBody"]["Fn::Sub"]
    more = inner["DatabaseWidgets"]
    widgets = more["Fn::Sub"] if more else ""
    whole = re.sub(r"\$\{[\w.:]+\}", "1", text.replace("${DatabaseWidgets}", widgets))
    titles = [widget["properties"]["title"] for widget in json.loads(whole)["widgets"]]
    assert ("Database connections" in titles) == ("Database" in stack.resources)
