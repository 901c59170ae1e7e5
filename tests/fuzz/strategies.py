"""Inputs: mostly almost right, some of them rubbish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.outcome import SECRETS

ODD_TEXT = (
    "", " ", "\0", "\x1b[31m", "\u202e", "\ud83d", "a\nb", "i-", "i-0123456789abcdef0",
    "x" * 3_000, "[" * 5_000, '{"a":' * 3_000, "9" * 4_301, "9" * 5_000, "-1", "1e400", "NaN",
    "null", "true", "{}", "[]", '["i-0123456789abcdef0"]', "%s %(x)s {0}", "\u00e9\u4e2d\U0001f600",
    f"postgresql://u:{SECRETS['parameter']}@h/d",
)  # fmt: skip
ODD_NUMBERS = (
    0, -1, 1, 24, 456 * 24, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"),
    9_999_999_999_999,
)  # fmt: skip
ODD_TIMES = (
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "2015-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-01",
    "2026-11-01T00:00:00", "20261101T000000Z", "2026-W45-1T00:00:00Z", "1e9", "1700000000",
    "2026-11-01T00:00:00+99:00", "2026-11-01T00:00:00.123456789Z", "<aws.scheduler.scheduled-time>",
    "\u0662\u0660\u0662\u0666-11-01T00:00:00Z",
)  # fmt: skip

texts = st.one_of(st.sampled_from(ODD_TEXT), st.text(st.characters(), max_size=40))
numbers = st.one_of(st.sampled_from(ODD_NUMBERS), st.integers(), st.floats())
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
junk: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
"""Anything that JSON can hold."""

instance_ids = st.one_of(
    st.integers(1, 5).map(lambda number: f"i-{number:017x}"),
    st.integers(1, 5).map(lambda number: f"i-{number:08x}"),
)


def rather(right: st.SearchStrategy[Any], wrong: st.SearchStrategy[Any] = junk) -> Any:
    """``right`` three times of four."""
    return st.integers(0, 3).flatmap(lambda k: right if k else wrong)


def _written(back: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=back)).isoformat()


times = st.one_of(st.integers(-600, 460 * 24 * 60).map(_written), st.sampled_from(ODD_TIMES), texts)
selections = rather(st.lists(rather(instance_ids), max_size=4))
targets = rather(
    st.fixed_dictionaries(
        {},
        optional={
            "account_id": rather(st.just("123456789012")),
            "region": rather(st.just("eu-central-1")),
            "role_arn": rather(st.just("arn:aws:iam::123456789012:role/reader")),
            "external_id": rather(st.just("an-id")),
            "instance_ids": selections,
            "parameter": rather(st.just("/fuzz/ids")),
            "selector": junk,
            "slice": junk,
        },
    )
)
own_keys = {
    "scheduled_time": times,
    "instance_ids": selections,
    "lookback_hours": rather(st.integers(1, 48)),
    "start": times,
    "end": times,
    "dry_run": rather(st.booleans()),
    "target": targets,
    "part_of": rather(
        st.fixed_dictionaries(
            {}, optional={"run_id": junk, "part": junk, "quota_share": junk, "more": junk}
        )
    ),
}
bodies: Any = st.one_of(
    st.fixed_dictionaries({}, optional=own_keys),
    *(st.fixed_dictionaries({key: values}) for key, values in own_keys.items()),
    st.fixed_dictionaries({"scheduled_time": times, "instance_ids": selections}),
    st.dictionaries(texts, junk, max_size=2),
)
envelopes = st.fixed_dictionaries(
    {"time": rather(times), "source": rather(st.sampled_from(["aws.events", "aws.scheduler"]))},
    optional={
        "detail-type": texts,
        "detail": st.one_of(
            bodies, junk, st.sampled_from(["{}", '{"dry_run": true}', "[" * 9_999])
        ),
        "id": junk,
        "region": junk,
        "resources": junk,
        "more": junk,
    },
)
events: Any = st.one_of(bodies, bodies, envelopes, junk)
"""Events: the function's own, an envelope's, and what no one would send."""
