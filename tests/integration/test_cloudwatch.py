"""Both readers through the real botocore client, against a CloudWatch that errs on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from ingest_fn.aws.clients import Clients
from ingest_fn.cloudwatch import reader
from ingest_fn.errors import AccessDeniedError
from ingest_fn.pipeline.catalogue import DEFAULT
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import HOUR, Api, Batch, Fetched, Reading, Window
from ingest_fn.pipeline.ports import MetricReader as Reader
from tests.cloudwatch import DENIED, CloudWatch, Refusal, running_cloudwatch
from tests.making import DAY, END, instance_id

ONE, TWO, THREE = (instance_id(number) for number in (1, 2, 3))
APIS = [Api.METRIC_DATA, Api.METRIC_STATISTICS]
COLUMN = {statistic.column: position for position, statistic in enumerate(DEFAULT)}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudWatch]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with running_cloudwatch() as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", service.url)
        yield service


@pytest.fixture
def client(service: CloudWatch) -> Iterator[Any]:
    del service
    client = Clients("eu-central-1", calls_in_flight=8).make("cloudwatch")
    yield client
    client.close()


@pytest.fixture(params=APIS)
def either(request: pytest.FixtureRequest, client: Any) -> Reader:
    return reader(request.param, client, Pace(1e9))


@pytest.fixture
def metric_data(client: Any) -> Reader:
    return reader(Api.METRIC_DATA, client, Pace(1e9))


@pytest.fixture
def metric_statistics(client: Any) -> Reader:
    return reader(Api.METRIC_STATISTICS, client, Pace(1e9))


def fill(service: CloudWatch, *ids: str, window: Window = DAY) -> None:
    """Every metric in every hour of the window."""
    for id_ in ids:
        for number in range(window.hour_count):
            moment = window.start + number * HOUR
            service.put(id_, "CPUUtilization", moment, 10.0 + number, maximum=50.0 + number)
            service.put(id_, "NetworkIn", moment, 1e6)
            service.put(id_, "NetworkOut", moment, 2e6)


def by_id(fetched: Fetched) -> dict[str, Reading]:
    assert len({reading.instance_id for reading in fetched.readings}) == len(fetched.readings)
    return {reading.instance_id: reading for reading in fetched.readings}


def is_whole(reading: Reading, window: Window = DAY) -> bool:
    return reading.unread is None and all(
        list(s) == list(window.hours) for s in map(sorted_series, reading.series)
    )


def sorted_series(series: dict[int, float]) -> dict[int, float]:
    return dict(sorted(series.items()))


def test_every_statistic_of_every_hour(either: Reader, service: CloudWatch) -> None:
    fill(service, ONE, TWO)
    readings = by_id(either.fetch(Batch([ONE, TWO, THREE], DAY)))
    assert set(readings) == {ONE, TWO, THREE}
    assert is_whole(readings[ONE])
    assert is_whole(readings[TWO])
    first = DAY.hours[0]
    values = [series[first] for series in readings[ONE].series]
    assert values == [10.0, 50.0, 12, 12e6, 24e6]
    assert readings[THREE] == Reading(THREE, tuple({} for _ in DEFAULT), None)


def test_the_end_of_the_window_is_not_read(either: Reader, service: CloudWatch) -> None:
    service.put(ONE, "CPUUtilization", DAY.start, 1.0)
    service.put(ONE, "CPUUtilization", END, 2.0)
    (reading,) = either.fetch(Batch([ONE], DAY)).readings
    assert set(reading.series[0]) == {DAY.hours[0]}


def test_samples_within_the_hour_are_one_hour(either: Reader, service: CloudWatch) -> None:
    for minute, cpu in ((0, 10.0), (25, 20.0), (59, 60.0)):
        service.put(ONE, "CPUUtilization", END - HOUR + timedelta(minutes=minute), cpu, samples=1)
    (reading,) = either.fetch(Batch([ONE], DAY)).readings
    last = DAY.hours[-1]
    assert [series.get(last) for series in reading.series] == [30.0, 60.0, 3, None, None]


def test_a_metric_s_statistics_are_asked_together(
    metric_data: Reader, metric_statistics: Reader, service: CloudWatch
) -> None:
    """CloudWatch bills them once only if they are in one call."""
    data = metric_data.fetch(Batch([ONE, TWO], DAY))
    assert (data.cost.calls, data.cost.metrics_billed) == (1, 6)
    assert service.calls[0].queries == 10
    statistics = metric_statistics.fetch(Batch([ONE, TWO], DAY))
    assert (statistics.cost.calls, statistics.cost.metrics_billed) == (6, 6)
    assert len(service.calls) == 1 + 6


def test_a_hundred_instances_are_one_call(metric_data: Reader, service: CloudWatch) -> None:
    ids = [instance_id(number) for number in range(100)]
    fill(service, ids[0], ids[99])
    readings = by_id(metric_data.fetch(Batch(ids, DAY)))
    assert [call.queries for call in service.calls] == [500]
    assert is_whole(readings[ids[0]])
    assert is_whole(readings[ids[99]])


@pytest.mark.parametrize("points", [7, 24, 36, 100])
def test_one_id_on_two_pages_keeps_both_halves(
    metric_data: Reader, service: CloudWatch, points: int
) -> None:
    fill(service, ONE, TWO)
    service.page_points = points
    fetched = metric_data.fetch(Batch([ONE, TWO], DAY))
    assert fetched.cost.calls == len(service.calls) == -(-240 // points)
    assert all(map(is_whole, fetched.readings))
    assert fetched.cost.metrics_billed == 6


@pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden"])
def test_a_result_that_is_not_complete_is_said_to_be_so(
    metric_data: Reader, service: CloudWatch, status: str
) -> None:
    fill(service, ONE, TWO)
    service.statuses[ONE, "CPUUtilization"] = status
    readings = by_id(metric_data.fetch(Batch([ONE, TWO], DAY)))
    assert is_whole(readings[TWO])
    unread = readings[ONE].unread
    assert unread is not None
    assert unread.startswith(f"CPUUtilization Average: {status}")
    assert len(readings[ONE].series[COLUMN["network_in"]]) == 24
    assert len(readings[ONE].series[COLUMN["cpu_utilization"]]) == (
        12 if status == "PartialData" else 0
    )


def test_an_id_that_never_comes_back_is_not_taken_for_idle(
    metric_data: Reader, service: CloudWatch
) -> None:
    fill(service, ONE, TWO)
    service.omitted = {ONE}
    readings = by_id(metric_data.fetch(Batch([ONE, TWO], DAY)))
    assert readings[ONE].unread == "CPUUtilization Average: CloudWatch sent no result."
    assert is_whole(readings[TWO])


def test_a_message_for_the_whole_call_makes_all_of_it_doubtful(
    metric_data: Reader, service: CloudWatch
) -> None:
    fill(service, ONE)
    service.global_message = "Maximum number of allowed metrics exceeded"
    (reading,) = metric_data.fetch(Batch([ONE], DAY)).readings
    assert reading.unread == "Exceeded: Maximum number of allowed metrics exceeded"
    assert reading.datapoints == 120


def test_one_bad_instance_does_not_fail_its_batch(either: Reader, service: CloudWatch) -> None:
    ids = [instance_id(number) for number in range(16)]
    fill(service, *ids)
    service.poisoned = {ids[5]}
    readings = by_id(either.fetch(Batch(ids, DAY)))
    assert ids[5] in str(readings[ids[5]].unread)
    assert all(is_whole(readings[id_]) for id_ in ids if id_ != ids[5])


def test_a_call_that_is_too_large_is_split(metric_data: Reader, service: CloudWatch) -> None:
    ids = [instance_id(number) for number in range(10)]
    fill(service, *ids)
    service.too_large_above = 20
    fetched = metric_data.fetch(Batch(ids, DAY))
    assert all(map(is_whole, fetched.readings))
    assert fetched.cost.metrics_billed == 30
    assert fetched.cost.calls == len(service.calls)


def test_throttling_is_waited_out(either: Reader, service: CloudWatch) -> None:
    fill(service, ONE)
    service.refusals = [Refusal("ThrottlingException", "Rate exceeded")] * 2
    assert all(map(is_whole, either.fetch(Batch([ONE], DAY)).readings))


def test_a_passing_internal_error_is_tried_again(either: Reader, service: CloudWatch) -> None:
    fill(service, ONE)
    service.refusals = [Refusal("InternalServiceFault", "Try again", 500)]
    assert all(map(is_whole, either.fetch(Batch([ONE], DAY)).readings))


def test_an_error_on_the_second_page_keeps_the_first(
    metric_data: Reader, service: CloudWatch
) -> None:
    fill(service, ONE)
    service.page_points = 60
    service.refuse = lambda call: (
        Refusal("InvalidNextToken", "The token is stale") if call.token else None
    )
    (reading,) = metric_data.fetch(Batch([ONE], DAY)).readings
    assert reading.datapoints == 60
    assert reading.unread == "cloudwatch:GetMetricData failed: InvalidNextToken: The token is stale"


@pytest.mark.parametrize(
    ("refusal", "said", "hint"),
    [
        (
            ("AccessDeniedException", DENIED.format("Get", "Get"), 403),
            "AWS denied cloudwatch:Get",
            "Allow cloudwatch:Get",
        ),
        (
            ("ExpiredTokenException", "The security token is expired", 403),
            "refused the credentials",
            "Log in",
        ),
    ],
)
def test_a_refused_caller_stops_everything(
    either: Reader, service: CloudWatch, refusal: tuple[str, str, int], said: str, hint: str
) -> None:
    service.refuse = lambda _: Refusal(*refusal)
    with pytest.raises(AccessDeniedError) as caught:
        either.fetch(Batch([ONE, TWO], DAY))
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("mangle", "said"),
    [
        (lambda body: body[: len(body) // 2], "GetMetricData failed"),
        (lambda _: b"<html>a proxy's page</html>" * 400, "not one of CloudWatch's"),
        (lambda _: b"[]" + b" " * 9000, "not one of CloudWatch's"),
        (lambda _: b'{"MetricDataResults": null}' + b" " * 9000, "not one of CloudWatch's"),
        (lambda _: b"[" * 9000, "not one of CloudWatch's"),
        (
            lambda _: b'{"MetricDataResults": [{"Id": "i0s0"}, 5]}' + b" " * 9000,
            "no lists of timestamps and values",
        ),
        (
            lambda _: (
                b'{"MetricDataResults": [{"Id": "x", "Timestamps": [], "Values": []}]}'
                + b" " * 9000
            ),
            "CloudWatch sent no result",
        ),
    ],
    ids=["cut off", "no JSON", "a list", "null", "nested", "no values", "an Id nobody asked for"],
)
def test_an_answer_that_makes_no_sense_is_unread_not_empty(
    metric_data: Reader,
    service: CloudWatch,
    mangle: Any,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore waits between its attempts
    fill(service, ONE)
    service.mangle = mangle
    (reading,) = metric_data.fetch(Batch([ONE], DAY)).readings
    assert reading.unread is not None
    assert said in reading.unread


def test_a_stamp_that_is_no_hour_of_the_window_is_not_stored(
    either: Reader, service: CloudWatch
) -> None:
    fill(service, ONE)
    service.shift = 1500
    (reading,) = either.fetch(Batch([ONE], DAY)).readings
    assert reading.datapoints == 0
    assert "no hour of the window" in str(reading.unread)


@pytest.mark.parametrize("api", APIS)
def test_455_days(client: Any, service: CloudWatch, api: Api) -> None:
    window = Window(END - timedelta(days=455), END)
    service.put(ONE, "CPUUtilization", window.start, 1.0)
    service.put(ONE, "CPUUtilization", END - HOUR, 2.0)
    fetched = reader(api, client, Pace(1e9)).fetch(Batch([ONE], window))
    assert list(sorted_series(fetched.readings[0].series[0]).values()) == [1.0, 2.0]
    assert fetched.cost.calls == (1 if api is Api.METRIC_DATA else 24)


def test_stock_parsing_gives_the_same(
    service: CloudWatch, client: Any, metric_data: Reader
) -> None:
    """What the decoding hook makes is what botocore's own parser would have made."""
    del client
    fill(service, ONE)
    stock = boto3.client("cloudwatch", region_name="eu-central-1")
    pages = stock.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[
            {
                "Id": "q",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/EC2",
                        "MetricName": "CPUUtilization",
                        "Dimensions": [{"Name": "InstanceId", "Value": ONE}],
                    },
                    "Period": 3600,
                    "Stat": "Average",
                },
            }
        ],
        StartTime=DAY.start,
        EndTime=DAY.end,
    )
    results = [result for page in pages for result in page["MetricDataResults"]]
    stock.close()
    expected = {
        int(stamp.timestamp()): value
        for result in results
        for stamp, value in zip(result["Timestamps"], result["Values"], strict=True)
    }
    assert by_id(metric_data.fetch(Batch([ONE], DAY)))[ONE].series[0] == expected


def test_timestamps_of_another_form_fall_back_to_botocore(
    metric_data: Reader, service: CloudWatch
) -> None:
    fill(service, ONE)
    first = str(float(DAY.hours[0])).encode(), str(DAY.hours[0]).encode()
    as_text = b'"2026-11-22T10:00:00Z"'
    service.mangle = lambda body: body.replace(first[0], as_text).replace(first[1], as_text)
    (reading,) = metric_data.fetch(Batch([ONE], DAY)).readings
    assert is_whole(reading)


def test_eight_calls_are_in_flight_at_once(metric_data: Reader, service: CloudWatch) -> None:
    barrier = threading.Barrier(8, timeout=10)
    service.before = barrier.wait
    threads = [
        threading.Thread(target=metric_data.fetch, args=(Batch([instance_id(n)], DAY),))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not barrier.broken
    assert {call.instance_ids for call in service.calls} == {(instance_id(n),) for n in range(8)}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"MetricDataQueries": 501}, "ValidationError"),
        ({"Id": "Upper"}, "ValidationError"),
        ({"Period": 90}, "ValidationError"),
        ({"EndTime": DAY.start}, "ValidationError"),
    ],
)
def test_the_service_keeps_the_real_limits(
    service: CloudWatch, change: dict[str, Any], code: str
) -> None:
    """The double itself: without its limits the tests above would prove nothing."""
    query = {
        "Id": change.get("Id", "q"),
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/EC2",
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": ONE}],
            },
            "Period": change.get("Period", 3600),
            "Stat": "Average",
        },
    }
    count = change.get("MetricDataQueries", 1)
    service.too_large_above = 600
    stock = boto3.client("cloudwatch", region_name="eu-central-1")
    with pytest.raises(stock.exceptions.ClientError) as caught:
        stock.get_metric_data(
            MetricDataQueries=[
                query | {"Id": f"{query['Id']}{n}" if count > 1 else query["Id"]}
                for n in range(count)
            ],
            StartTime=DAY.start,
            EndTime=change.get("EndTime", DAY.end),
        )
    stock.close()
    assert caught.value.response["Error"]["Code"] == code
