"""What fails must be heard of: both queues, the alarms, and the metrics that they look at."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ingest_fn import app, telemetry
from ingest_fn.local.aws import LocalAws
from tests.making import new_result
from tests.template.cloudformation import Stack, transformed, values_of
from tests.template.combinations import COMBINATIONS, INSTANCE_ID, TOPIC

STACK_NAME = "ingest-prod"
FIRST = COMBINATIONS["ids, a login by token"].options
FOURTEEN_DAYS = str(14 * 24 * 3600)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(FIRST | {"AlarmTopicArn": TOPIC})


@pytest.fixture(scope="module")
def alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    return told(stack)


def told(stack: Stack) -> dict[str, dict[str, Any]]:
    return stack.of_type("AWS::CloudWatch::Alarm") | stack.of_type(
        "AWS::CloudWatch::CompositeAlarm"
    )


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


HALVES = {"NoCompleteRunAlarm", "FirstRunAlarm"}
"""Of which StaleAlarm is made."""


def test_every_alarm_tells_the_topic_and_silence_also_its_end(
    alarms: dict[str, dict[str, Any]],
) -> None:
    """The others would say OK at the deployment, before they ever rang."""
    watched = {"StaleAlarm", "FailedEventsAlarm", "UndeliveredAlarm", "ErrorsAlarm"}
    assert alarms.keys() == watched | HALVES | {"ThrottlesAlarm", "DurationAlarm"}
    for name, alarm in alarms.items():
        assert alarm.get("AlarmActions") == (None if name in HALVES else [TOPIC]), name
        assert alarm.get("OKActions") == ([TOPIC] if name == "StaleAlarm" else None), name


def test_silence_is_an_alarm_in_staleness_alone(alarms: dict[str, dict[str, Any]]) -> None:
    breaching = [name for name, one in alarms.items() if one.get("TreatMissingData") == "breaching"]
    assert breaching == ["NoCompleteRunAlarm"]
    silent = alarms["NoCompleteRunAlarm"]
    assert silent["ComparisonOperator"] == "LessThanThreshold"
    assert (silent["Statistic"], silent["Threshold"], silent["Period"]) == ("Sum", "1", "3600")


def test_nothing_rings_before_the_first_run(alarms: dict[str, dict[str, Any]]) -> None:
    """Without data, an alarm that ignores that stays as it was made: INSUFFICIENT_DATA."""
    rule = alarms["StaleAlarm"]["AlarmRule"]["Fn::Sub"]
    assert rule == 'ALARM("${NoCompleteRunAlarm.Arn}") AND OK("${FirstRunAlarm.Arn}")'
    first, silent = alarms["FirstRunAlarm"], alarms["NoCompleteRunAlarm"]
    assert first["TreatMissingData"] == "ignore"
    assert (first["Statistic"], first["Threshold"]) == ("SampleCount", "1")
    for key in ("Namespace", "MetricName", "Dimensions"):
        assert first[key] == silent[key]
    others = {name: one for name, one in alarms.items() if name not in HALVES | {"StaleAlarm"}}
    assert {one["TreatMissingData"] for one in others.values()} == {"notBreaching"}


@pytest.mark.parametrize(("state", "enabled"), [("ENABLED", True), ("DISABLED", False)])
def test_a_schedule_that_is_off_is_no_alarm(state: str, enabled: bool) -> None:  # noqa: FBT001
    stack = Stack(FIRST | {"ScheduleState": state})
    assert stack["StaleAlarm"]["ActionsEnabled"] is enabled


@pytest.mark.parametrize(
    ("schedule", "runs", "stale"),
    [
        ("hourly", "730", "3"),
        ("every-2-hours", "365", "5"),
        ("every-3-hours", "243", "7"),
        ("every-6-hours", "122", "13"),
        ("every-12-hours", "61", "25"),
        ("daily", "30", "49"),
    ],
)
def test_all_that_follows_from_the_schedule_follows_from_one_choice(
    schedule: str, runs: str, stale: str
) -> None:
    stack = Stack(FIRST | {"Schedule": schedule})
    assert stack.environment("IngestFunction")["RUNS_PER_MONTH"] == runs
    assert stack["NoCompleteRunAlarm"]["EvaluationPeriods"] == stale
    assert f"last {stale} hours" in stack["StaleAlarm"]["AlarmDescription"]["Fn::Sub"]
    # Two runs may fail: the window holds two intervals, and CloudWatch takes seven days at most.
    interval = round(730 / int(runs))
    assert 2 * interval < int(stale) <= 168
    fired = stack["IngestFunctionSchedule"]["ScheduleExpression"]
    assert len(hours_of(fired)) * interval == 24


def hours_of(expression: str) -> list[int]:
    """At which hours of the day a schedule at a quarter past fires."""
    match = re.fullmatch(r"cron\(15 (?:(\*)|0/(\d+)|0) \* \* \? \*\)", expression)
    assert match, expression
    return list(range(0, 24, 1 if match[1] else int(match[2] or 24)))


@pytest.mark.parametrize("options", [FIRST, COMBINATIONS["many accounts and Regions"].options])
def test_without_a_topic_the_alarms_are_there_and_tell_nobody(options: dict[str, str]) -> None:
    for alarm in told(Stack(options)).values():
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
    stale = alarms["NoCompleteRunAlarm"]
    assert (stale["Namespace"], stale["MetricName"] in names) == (directive["Namespace"], True)
    assert stale["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]
    shown = named(stack["Dashboard"]["DashboardBody"]["Fn::Sub"])
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


def test_the_dashboard_is_json(stack: Stack) -> None:
    text = stack["Dashboard"]["DashboardBody"]["Fn::Sub"]
    whole = re.sub(r"\$\{[\w.:]+\}", "1", text)
    titles = [widget["properties"]["title"] for widget in json.loads(whole)["widgets"]]
    assert len(titles) == 6


@pytest.mark.parametrize(
    ("partition", "domain"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
        ("aws-cn", "console.amazonaws.cn"),
    ],
)
def test_the_dashboard_s_address_is_that_of_the_partition(partition: str, domain: str) -> None:
    assert transformed()["Mappings"]["Consoles"][partition] == {"Domain": domain}
