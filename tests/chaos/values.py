"""What a service can get wrong inside an answer: one bad value among many good ones.

Each spoiler changes a GetMetricData result or a GetMetricStatistics answer of one instance in
place. What it puts there is never a value of the truth, so that storing it would show.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

RAW = "@raw:"
"""Begins a string whose rest goes into the JSON as it is: numbers that json.dumps cannot write."""

ANY = ("Average", "Maximum", "SampleCount", "Sum")
MEANT = {"forty-thousand": ("SampleCount",), "5e38": ("Average", "Maximum")}
"""The statistics that a kind is about; the others take such a value."""

FORTY_THOUSAND = 40_000.0
Result = dict[str, Any]

BAD_VALUES: dict[str, Any] = {
    "null": None,
    "string": "12.5",
    "string-nan": "NaN",
    "nan": RAW + "NaN",
    "infinity": RAW + "Infinity",
    "minus-infinity": RAW + "-Infinity",
    "1e400": RAW + "1e400",
    "5e38": 5e38,
    "huge-integer": RAW + "1" + "0" * 400,
    "true": True,
    "list": [1.0],
    "object": {"Value": 1.0},
    "nested": RAW + "[" * 300 + "]" * 300,
}
"""In the place of one value."""

BAD_STAMPS: dict[str, Any] = {
    "stamp-far": 4e12,
    "stamp-huge": 1e300,
    "stamp-integer": RAW + "9" * 30,
    "stamp-negative": -1e15,
    "stamp-fraction": "+0.5",
    "stamp-minute": "+60",
    "stamp-string": "yesterday",
    "stamp-null": None,
    "stamp-true": True,
    "stamp-nan": RAW + "NaN",
    "stamp-list": [],
}
"""In the place of one time stamp; a string with a sign is added to the right one."""

HOSTILE = {
    "message-nul": "one\0two",
    "message-control": "\x1b[31mred\x1b[0m\r\nsecond line\t\x07",
    "message-bidi": "abc\u202edef\u2066",
    "message-surrogate": "half \ud83d of a pair",
    "message-long": "m" * 300_000,
    "message-object": {"a": "b"},
    "message-null": None,
}
"""In the place of a message of the service's."""


def _shape(name: str) -> Callable[[Result, Random], None]:
    def spoil(result: Result, rng: Random) -> None:
        values, stamps = result["Values"], result["Timestamps"]
        match name:
            case "short-values":
                del values[0]
            case "short-values-end":
                values.pop()
            case "short-stamps":
                del stamps[0]
            case "no-values":
                del result["Values"]
            case "no-stamps":
                del result["Timestamps"]
            case "null-values":
                result["Values"] = None
            case "object-values":
                result["Values"] = {str(k): value for k, value in enumerate(values)}
            case "string-values":
                result["Values"] = "1" * len(stamps)
            case "no-id":
                del result["Id"]
            case "unknown-id":
                result["Id"] = "zz9"
            case "null-id":
                result["Id"] = None
            case "object-id":
                result["Id"] = {}
            case "unknown-status":
                result["StatusCode"] = "Weird\x1b"
            case "null-status":
                result["StatusCode"] = None
            case "object-status":
                result["StatusCode"] = {"a": 1}
            case "forbidden":
                result["StatusCode"] = "Forbidden"
                result["Values"], result["Timestamps"] = [], []
            case "messages-object":
                result["StatusCode"] = "InternalError"
                result["Messages"] = {"Code": "x"}

    return spoil


SHAPES = {
    name: _shape(name)
    for name in (
        "short-values", "short-values-end", "short-stamps", "no-values", "no-stamps",
        "null-values", "object-values", "string-values", "no-id", "unknown-id", "null-id",
        "object-id", "unknown-status", "null-status", "object-status", "forbidden",
        "messages-object",
    )
}  # fmt: skip
"""Of one result of GetMetricData."""

WHOLE: dict[str, Any] = {
    "answer-list": [],
    "answer-null": None,
    "answer-string": "fine",
    "answer-number": 7,
    "answer-empty": {},
    "results-null": "null",
    "results-object": "object",
    "results-of-numbers": "numbers",
}
"""In the place of a whole answer, or of the list in it."""


def spoil_data(answer: Result, kind: str, owner: Callable[[Result], str], rng: Random) -> Any:
    """A GetMetricData answer with one thing wrong. ``owner``: the instance of a result."""
    results = [r for r in answer["MetricDataResults"] if len(r["Timestamps"]) > 1]
    if kind in WHOLE:
        return _whole(answer, "MetricDataResults", kind)
    if kind in HOSTILE:
        for result in [r for r in results if owner(r) == owner(results[0])] if results else ():
            result["StatusCode"] = "InternalError"
            result["Values"], result["Timestamps"] = [], []
            result["Messages"] = [{"Code": "InternalError", "Value": HOSTILE[kind]}]
        return answer
    if not results:
        return answer
    fitting = [r for r in results if r["Label"].rpartition(" ")[2] in MEANT.get(kind, ANY)]
    result = rng.choice(fitting or results)
    place = rng.randrange(len(result["Values"]))
    if kind == "forty-thousand" and fitting:
        result["Values"][place] = FORTY_THOUSAND
    elif kind in BAD_VALUES:
        result["Values"][place] = BAD_VALUES[kind]
    elif kind in BAD_STAMPS:
        result["Timestamps"][place] = _stamp(kind, result["Timestamps"][place])
    else:
        SHAPES[kind](result, rng)
    return answer


def spoil_statistics(answer: Result, kind: str, rng: Random) -> Any:
    """A GetMetricStatistics answer with one thing wrong."""
    points = answer["Datapoints"]
    if kind in WHOLE:
        return _whole(answer, "Datapoints", kind)
    if not points:
        return answer
    point = rng.choice(points)
    fitting = [name for name in point if name in MEANT.get(kind, ANY)]
    if kind in MEANT and not fitting:
        return answer
    statistic = rng.choice(fitting)
    if kind == "forty-thousand":
        point[statistic] = FORTY_THOUSAND
    elif kind in BAD_VALUES:
        point[statistic] = BAD_VALUES[kind]
    elif kind in BAD_STAMPS:
        point["Timestamp"] = _stamp(kind, point["Timestamp"])
    elif kind == "no-stamps":
        del point["Timestamp"]
    elif kind == "object-values":
        answer["Datapoints"] = {"0": point}
    elif kind == "string-values":
        answer["Datapoints"] = "points"
    else:
        points[points.index(point)] = None
    return answer


def _stamp(kind: str, right: float) -> Any:
    wrong = BAD_STAMPS[kind]
    if isinstance(wrong, str) and wrong.startswith("+"):
        return right + float(wrong)
    return wrong


def _whole(answer: Result, name: str, kind: str) -> Any:
    match WHOLE[kind]:
        case "null":
            return answer | {name: None}
        case "object":
            return answer | {name: {"a": 1}}
        case "numbers":
            return answer | {name: [1, 2]}
        case whole:
            return whole


VALUE_KINDS = (*BAD_VALUES, *BAD_STAMPS, *HOSTILE, *SHAPES, *WHOLE, "forty-thousand")
