"""A seed becomes a schedule: what is asked of the function, and what goes wrong meanwhile.

Pure: the same seed gives the same schedule. The kind of the first fault goes round with the seed,
so that as many seeds as there are kinds have met each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.chaos.services import (
    PAGE_KINDS,
    PARAMETER_KINDS,
    PATH_KINDS,
    SOCKET_KINDS,
    STATUS_KINDS,
)
from tests.chaos.values import VALUE_KINDS

STATEMENTS = ("partitions", "begin", "instances", "metrics", "commit", "finish")
LOCKS = ("month", "runs", "instances", "metrics", "share-month", "partitions", "row", "new-id")
SETTINGS = {
    "statement-timeout": ("statement_timeout", "2s"),
    "statement-timeout-tiny": ("statement_timeout", "1ms"),
    "lock-timeout": ("lock_timeout", "500ms"),
    "idle-in-transaction": ("idle_in_transaction_session_timeout", "1ms"),
    "idle-session": ("idle_session_timeout", "50ms"),
    "serializable": ("default_transaction_isolation", "serializable"),
    "repeatable-read": ("default_transaction_isolation", "repeatable read"),
    "read-only": ("default_transaction_read_only", "on"),
    "deferrable": ("default_transaction_deferrable", "on"),
    "german-dates": ("DateStyle", "German, DMY"),
    "sql-dates": ("DateStyle", "SQL, MDY"),
    "postgres-dates": ("DateStyle", "Postgres, DMY"),
    "kolkata": ("TimeZone", "Asia/Kolkata"),
    "new-york": ("TimeZone", "America/New_York"),
    "kathmandu": ("TimeZone", "Asia/Kathmandu"),
    "latin1": ("client_encoding", "LATIN1"),
    "sql-ascii": ("client_encoding", "SQL_ASCII"),
    "few-digits": ("extra_float_digits", "-15"),
    "octal-bytes": ("bytea_output", "escape"),
    "verbose-intervals": ("IntervalStyle", "postgres_verbose"),
    "old-strings": ("standard_conforming_strings", "off"),
    "null-equals": ("transform_null_equals", "on"),
    "no-path": ("search_path", "nowhere"),
    "other-path": ("search_path", "other, public"),
    "quoted-path": ("search_path", '"$user", public'),
    "row-security-off": ("row_security", "off"),
    "tiny-work-mem": ("work_mem", "64kB"),
    "no-index": ("enable_indexscan", "off"),
    "generic-plans": ("plan_cache_mode", "force_generic_plan"),
    "prune-off": ("enable_partition_pruning", "off"),
}
"""What a role or a database may have been given by somebody else."""

BRIEF, LONG = "brief", "long"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: where, what, from which occasion on, how often."""

    place: str
    kind: str
    nth: int = 1
    times: int = 1

    def __str__(self) -> str:
        often = "always" if self.times > 1_000 else f"{self.times}x"
        return f"{self.place}:{self.kind}@{self.nth}({often})"


@dataclass(frozen=True)
class Step:
    """One invocation, or two at once, under these faults."""

    faults: tuple[Fault, ...]
    fresh: bool
    """In a new process instead of the warm one."""
    twins: bool
    later: int
    """Hours after the first event."""
    revised: bool
    """Whether CloudWatch has changed its mind on the last hours since the step before."""
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """All of it."""

    seed: int
    api: str
    instances: int
    source: str
    """How the event names its instances: event, parameter or path."""
    months_back: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [
            (
                f"seed {self.seed}: {self.api}, {self.instances} instances by {self.source}, "
                f"{self.months_back} months back"
            )
        ]
        for number, step in enumerate(self.steps, 1):
            marks = [name for name in ("fresh", "twins", "revised") if getattr(step, name)]
            what = ", ".join(map(str, step.faults)) or "nothing wrong"
            lines.append(f"  step {number} (+{step.later} h, {step.seconds:.0f} s) {marks}: {what}")
        return "\n".join(lines)


def kinds(place: str) -> tuple[str, ...]:
    """What can go wrong at ``place``."""
    return KINDS[place]


KINDS: dict[str, tuple[str, ...]] = {
    "cloudwatch": (*SOCKET_KINDS, *STATUS_KINDS, *PAGE_KINDS),
    "value": VALUE_KINDS,
    "ssm": (*SOCKET_KINDS, *STATUS_KINDS, *PARAMETER_KINDS),
    "ssm-path": PATH_KINDS,
    "postgres": (
        "connect/refuse", "connect/stall", "any/slow", "any/drip",
        *(f"{point}/{action}/{when}" for point in STATEMENTS for action in ("cut", "stall")
          for when in ("before", "after")),
    ),
    "lock": (*(f"{lock}/{length}" for lock in LOCKS for length in (BRIEF, LONG)), "timeout/long"),
    "setting": tuple(SETTINGS),
    "session": ("killed", "killed-often", "standby", "no-connections", "one-connection",
                "forgotten",
                "cut-while-frozen"),
    "process": (*(f"kill/{point}" for point in ("cloudwatch", *STATEMENTS)),
                *(f"freeze/{point}" for point in ("cloudwatch", *STATEMENTS))),
    "together": ("new-month", "same-hours", "deadlock", "serializable"),
}  # fmt: skip
"""By the place where it goes wrong."""

ALL = tuple((place, kind) for place, kinds_ in KINDS.items() for kind in kinds_)

_LOCKING = {"lock", "together"}

CALM = 60.0
TIGHT = 26.0
"""Seconds of Lambda's that a step has where it may have to wait for its end."""

ALWAYS = 1_000_000


def make_schedule(seed: int) -> Schedule:
    """The schedule of ``seed``."""
    rng = Random(f"chaos {seed}")
    # A stride without a common factor: neighbours differ in kind, and a round still meets all.
    place, kind = ALL[(seed * _stride(len(ALL))) % len(ALL)]
    api = rng.choice(("metric-data", "metric-data", "metric-statistics"))
    if place == "cloudwatch" and kind in PAGE_KINDS[:4]:
        api = "metric-data"
    instances = rng.choice((1, 2, 3, 5, 8, 12) if api == "metric-data" else (1, 2, 3, 5))
    if api == "metric-data" and rng.random() < 0.2:
        instances = rng.choice((130, 250))
    source = rng.choice(("event", "parameter", "path"))
    if place == "ssm":
        source = rng.choice(("parameter", "path"))
    if place == "ssm-path":
        source = "path"
    count = rng.choice((1, 1, 2, 3))
    steps = []
    for number in range(count):
        faults = [replace(_fault(place, kind, rng), nth=1)] if number == 0 else []
        if rng.random() < (0.3 if number == 0 else 0.7):
            second = _fault(*rng.choice(ALL), rng)
            # Two sessions that hold locks would wait for each other.
            if not {place, second.place} <= _LOCKING or number:
                faults.append(second)
        steps.append(_step(number, tuple(faults), rng, alone=number == 0 and len(faults) == 1))
    return Schedule(seed, api, instances, source, rng.randrange(14), tuple(steps))


def _step(number: int, faults: tuple[Fault, ...], rng: Random, *, alone: bool) -> Step:
    waits = any(
        fault.place in {"lock", "session", "ssm-path"}
        or fault.kind in {"hang", "drip", "same-token", "new-tokens", "statement-timeout"}
        or "stall" in fault.kind
        or "drip" in fault.kind
        for fault in faults
    )
    together = any(fault.place == "together" for fault in faults)
    return Step(
        faults,
        fresh=rng.random() < 0.15,
        twins=together or (not alone and not faults and rng.random() < 0.3),
        later=number * rng.choice((0, 0, 1)),
        revised=number > 0 and rng.random() < 0.4,
        seconds=TIGHT if waits else CALM,
    )


def _fault(place: str, kind: str, rng: Random) -> Fault:
    once = place in {"lock", "setting", "session", "process", "together"}
    times = 1 if once else rng.choice((1, 1, 2, 8, ALWAYS))
    nth = 1 if place in {"ssm", "ssm-path"} else rng.choice((1, 1, 1, 2, 3))
    if kind in {"same-token", "new-tokens"}:
        nth, times = 1, ALWAYS
    return Fault(place, kind, nth, times)


def _stride(count: int) -> int:
    stride = 61
    while any(count % factor == 0 and stride % factor == 0 for factor in range(2, stride + 1)):
        stride += 1
    return stride
