"""One worker's world: services, proxy, database and functions; it plays schedules and looks on."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.chaos import checks, proxy
from tests.chaos.process import Function, running_nursery
from tests.chaos.proxy import Mishap, Proxy, running_proxy
from tests.chaos.schedule import ALWAYS, LONG, SETTINGS, Fault, Schedule, Step, make_schedule
from tests.chaos.servers import Home
from tests.chaos.services import Services, Trouble, running_services
from tests.chaos.truth import COLUMNS, HOUR, Table, Truth, whole_hour
from tests.pooler import running_pooler

MARKER = f"marker-{secrets.token_hex(6)}"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": f"{MARKER}-key",
    "AWS_SESSION_TOKEN": f"{MARKER}-token",
}
PARAMETER, PATH = "/chaos/ids", "/chaos/fleet/"
FREEZE = 2.5
RECOVERY = 4.5
"""Seconds in which a warm process is well again: three more than a new one may take."""

_LOCKS = {
    "month": "LOCK TABLE {month} IN ACCESS EXCLUSIVE MODE",
    "share-month": "LOCK TABLE {month} IN SHARE MODE",
    "runs": "LOCK TABLE ingest_runs IN ACCESS EXCLUSIVE MODE",
    "instances": "LOCK TABLE instances IN ACCESS EXCLUSIVE MODE",
    "metrics": "LOCK TABLE metrics IN ACCESS EXCLUSIVE MODE",
    "partitions": "SELECT pg_advisory_xact_lock(hashtext('ingest_fn.partitions'))",
    "new-id": "INSERT INTO instances (instance_id, region) VALUES ({id}, 'elsewhere')",
    "row": "INSERT INTO metrics (timestamp, instance_id) SELECT to_timestamp({hour}), id "
    "FROM instances WHERE instance_id = {id}",
}


@dataclass
class Report:
    """What one schedule showed."""

    seed: int
    target: str
    violations: list[str] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    invocations: int = 0
    seconds: float = 0.0
    least_left: float = 1e9
    """The least time that the handler left before its deadline."""
    recovery: float = 0.0
    """How long the first clean run of a warm process took."""
    memory: int = 0
    schedule: str = ""


@dataclass
class _Invocation:
    function: Function
    said: dict[str, Any] | None = None
    out: str = ""
    err: str = ""


class World:
    """Kept from one schedule to the next, since making it takes seconds."""

    def __init__(
        self,
        home: Home,
        target: str,
        services: Services,
        network: Proxy,
        nursery: Path,
        folder: Path,
        admin: psycopg.Connection,
    ) -> None:
        self.home, self.target, self.services, self.network = home, target, services, network
        self._nursery, self._folder, self._admin = nursery, folder, admin
        self._functions: dict[tuple[str, str, str], Function] = {}
        admin.execute("SET statement_timeout = '30s'")
        self._undo = ExitStack()
        self._rng = Random(0)
        self.excused: set[str] = set()

    def play(self, seed: int) -> Report:
        """The schedule of ``seed`` from start to end."""
        schedule = make_schedule(seed)
        self._rng = rng = Random(f"play {seed}")
        report = Report(seed, self.target, schedule=str(schedule))
        begun = time.monotonic()
        self._ids = tuple(f"i-{seed:09x}{number:08x}" for number in range(schedule.instances))
        end = whole_hour(datetime.now(UTC), schedule.months_back)
        self._truth = Truth(self._ids, end - 26 * HOUR, 30, rng)
        self._truth.make()
        self._truth.publish(self.services.cloudwatch)
        self._store_parameters(schedule)
        table: Table = {}
        for number, step in enumerate(schedule.steps, 1):
            table = self._step(schedule, step, end, table, report, f"step {number}")
        final = Step((), fresh=False, twins=False, later=schedule.steps[-1].later, revised=False,
                     seconds=60.0)  # fmt: skip
        self._step(schedule, final, end, table, report, "clean run")
        report.seconds = time.monotonic() - begun
        report.memory = max((f.peak_memory for f in self._functions.values()), default=0)
        return report

    def _store_parameters(self, schedule: Schedule) -> None:
        parameters = {PARAMETER: ("StringList", ",".join(self._ids))}
        for k in range(0, len(self._ids), 20):
            parameters[f"{PATH}{k:05}"] = ("String", json.dumps(self._ids[k : k + 20]))
        self.services.parameters = parameters

    # One step: faults on, one or two events, faults off, a look around.

    def _step(
        self, schedule: Schedule, step: Step, end: int, before: Table, report: Report, name: str
    ) -> Table:
        if step.revised:
            self._truth.revise()
            self._truth.publish(self.services.cloudwatch)
        close = end + step.later * HOUR
        event = self._event(schedule, close)
        functions = [self._function(schedule, "first", fresh=step.fresh)]
        if step.twins:
            functions.append(self._function(schedule, "second", fresh=False))
        self._before, self._known_runs = before, self._runs()
        self.excused = set()
        with ExitStack() as undo:
            self._apply(step, functions, event, close, undo)
            before = self._before
            invocations = self._invoke(functions, event, step.seconds)
            fired = self._fired(step)
        calls = self.services.requests
        self.services.clear()
        self.network.clear()
        self._reopen()
        report.fired.update(fired)
        report.invocations += len(invocations)
        after = self._table()
        problems = list(
            checks.after_step(
                checks.Seen(
                    step, schedule, invocations=[(i.said, i.out, i.err) for i in invocations],
                    before=before, after=after, truth=self._truth,
                    window=(close - 24 * HOUR, close),
                    ledger=self._new_runs(self._known_runs), calls=calls, fired=fired,
                    excused=frozenset(self.excused), markers=self._markers(),
                    held=self._held(invocations), clean=name == "clean run",
                )
            )
        )  # fmt: skip
        report.violations += [f"{name}: {problem}" for problem in problems]
        for invocation in invocations:
            if invocation.said:
                report.least_left = min(report.least_left, invocation.said["left"])
            if not invocation.function.alive:
                self._forget(invocation.function)
        if name == "clean run" and invocations[0].said:
            report.recovery = invocations[0].said["seconds"]
            if report.recovery > RECOVERY:
                report.violations.append(f"{name}: slow recovery: {report.recovery:.1f} s")
        return after

    def _event(self, schedule: Schedule, close: int) -> dict[str, Any]:
        event: dict[str, Any] = {
            "scheduled_time": datetime.fromtimestamp(close, UTC).isoformat(),
        }
        if schedule.source == "event":
            event["instance_ids"] = list(self._ids)
        return event

    def _invoke(
        self, functions: list[Function], event: dict[str, Any], seconds: float
    ) -> list[_Invocation]:
        sizes = [(f.stdout.stat().st_size, f.stderr.stat().st_size) for f in functions]
        with ThreadPoolExecutor(len(functions)) as pool:
            said = list(pool.map(lambda function: function.invoke(event, seconds), functions))
        found = []
        for function, answer, (out, err) in zip(functions, said, sizes, strict=True):
            found.append(
                _Invocation(
                    function, answer,
                    function.stdout.read_bytes()[out:].decode(errors="replace"),
                    function.stderr.read_bytes()[err:].decode(errors="replace"),
                )
            )  # fmt: skip
        return found

    def _function(self, schedule: Schedule, which: str, *, fresh: bool) -> Function:
        source = "path" if schedule.source == "path" else "parameter"
        key = schedule.api, source, which
        if fresh and key in self._functions:
            self._forget(self._functions[key])
        if key not in self._functions:
            url = self.home.url_at(self.network.port)
            env = SECRETS | {
                "AWS_ACCESS_KEY_ID": "AKIDCHAOS",
                "AWS_REGION": "eu-central-1",
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_ENDPOINT_URL": self.services.url,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                "CLOUDWATCH_API": schedule.api,
                "DATABASE_URL": url,
                "INSTANCE_IDS_PARAMETER": PATH if source == "path" else PARAMETER,
            }
            self._functions[key] = Function(self._nursery, self._folder, env)
        return self._functions[key]

    def _forget(self, function: Function) -> None:
        function.close()
        self._functions = {k: f for k, f in self._functions.items() if f is not function}

    # The faults.

    def _apply(
        self,
        step: Step,
        functions: list[Function],
        event: dict[str, Any],
        close: int,
        undo: ExitStack,
    ) -> None:
        troubles: list[Trouble] = []
        mishaps: list[Mishap] = []
        self._counted: list[tuple[Fault, Any]] = []
        for fault in step.faults:
            match fault.place:
                case "cloudwatch" | "value" | "ssm" | "ssm-path":
                    service = "cloudwatch" if fault.place == "value" else fault.place
                    trouble = Trouble(service.partition("-")[0], fault.kind, fault.nth, fault.times)
                    troubles.append(trouble)
                    self._counted.append((fault, trouble))
                case "postgres":
                    mishap = self._mishap(fault)
                    mishaps.append(mishap)
                    self._counted.append((fault, mishap))
                case "process":
                    self._process(fault, functions[0], troubles, mishaps)
                case "lock":
                    self._lock(fault, close, undo)
                case "setting":
                    self._setting(fault.kind, undo)
                case "session":
                    self._session(fault, mishaps, undo)
                case "together":
                    self._together(fault, functions, event, close, undo)
        self.services.arm(troubles, Random(self._rng.random()))
        self.network.arm(mishaps)

    def _fired(self, step: Step) -> Counter[str]:
        counts: Counter[str] = Counter()
        for fault, counted in self._counted:
            count = 1 if counted is None else counted.fired
            counts[f"{fault.place}:{fault.kind}"] += count
        return counts

    def _mishap(self, fault: Fault) -> Mishap:
        point, action, *when = fault.kind.split("/")
        if fault.times > 4 or action == "drip" or point == "connect":
            self.excused |= {"ledger", "counts"}
        if fault.times > 1 or fault.nth > 1:
            self.excused |= {"counts"} if fault.times > 2 else set()
        return Mishap(point, action, when == ["after"], fault.nth, fault.times)

    def _process(
        self, fault: Fault, function: Function, troubles: list[Trouble], mishaps: list[Mishap]
    ) -> None:
        action, _, point = fault.kind.partition("/")
        if action == "kill":
            self.excused |= {"ledger", "counts", "killed"}

        def do() -> None:
            if action == "kill":
                function.kill()
            else:
                function.pause(FREEZE)

        if point == "cloudwatch":
            trouble = Trouble("cloudwatch", "call", fault.nth, 1, do)
            troubles.append(trouble)
            self._counted.append((fault, trouble))
        else:
            after = self._rng.random() < 0.5
            mishap = Mishap(point, proxy.CALL, after, fault.nth, 1, do)
            mishaps.append(mishap)
            self._counted.append((fault, mishap))

    def _months(self, close: int) -> list[str]:
        moments = (datetime.fromtimestamp(t, UTC) for t in (close - 24 * HOUR, close - HOUR))
        return sorted({f"metrics_{moment:%Y_%m}" for moment in moments})

    def _ensure_months(self, close: int) -> None:
        self._admin.execute(
            "SELECT ensure_metrics_partitions(to_timestamp(%s), to_timestamp(%s))",
            [close - 24 * HOUR, close],
        )

    def _drop_months(self, close: int) -> None:
        for month in self._months(close):
            self._admin.execute(SQL("DROP TABLE IF EXISTS {}").format(Identifier(month)))

    def _lock(self, fault: Fault, close: int, undo: ExitStack) -> None:
        name, _, length = fault.kind.partition("/")
        if name == "timeout":
            self._setting("statement-timeout", undo)
            name = "month"
        self._counted.append((fault, None))
        if name == "partitions":
            self._drop_months(close)
        else:
            self._ensure_months(close)
        if name == "row":
            self._admin.execute(
                "INSERT INTO instances (instance_id, region) VALUES (%s, 'eu-central-1') "
                "ON CONFLICT DO NOTHING",
                [self._ids[0]],
            )
        if name == "new-id" and self._table():
            name = "share-month"  # the id is there already
        if length == LONG and name == "runs":
            self.excused |= {"ledger"}
        self._before = self._table()
        locker = psycopg.connect(self.home.admin_url, application_name="chaos")
        undo.callback(_let_go, locker)
        month = Identifier(self._months(close)[-1])
        hour = next((h for i, h in sorted(self._truth.now) if i == self._ids[0]), close - HOUR)
        locker.execute(
            SQL(_LOCKS[name]).format(month=month, id=Literal(self._ids[0]), hour=Literal(hour))
        )
        if length != LONG:
            timer = threading.Timer(self._rng.uniform(0.5, 2.0), _let_go, [locker])
            timer.daemon = True
            timer.start()
            undo.callback(timer.join)

    def _setting(self, kind: str, undo: ExitStack) -> None:
        name, value = SETTINGS[kind]
        if kind in {"statement-timeout-tiny", "read-only"}:
            self.excused |= {"ledger", "counts"}
        if kind == "no-path":
            self.excused |= {"ledger"}
        role = Identifier(self.home.role)
        statement = SQL("ALTER ROLE {} SET {} = {}").format(
            role, SQL(name), SQL(value) if name == "search_path" else Literal(value)
        )
        self._admin.execute(statement)
        undo.callback(self._admin.execute, SQL("ALTER ROLE {} RESET {}").format(role, SQL(name)))
        self._terminate()
        undo.callback(self._terminate)
        self._counted.append((Fault("setting", kind), None))

    def _session(self, fault: Fault, mishaps: list[Mishap], undo: ExitStack) -> None:
        role, execute = Identifier(self.home.role), self._admin.execute
        counted: Any = None
        match fault.kind:
            case "killed" | "killed-often":
                times = 1 if fault.kind == "killed" else 5
                counted = Mishap("any", proxy.CALL, False, fault.nth, times, self._terminate)
                mishaps.append(counted)
            case "standby":
                self.excused |= {"ledger", "counts"}
                execute(SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role))
                self._terminate()
                undo.callback(
                    execute, SQL("ALTER ROLE {} RESET default_transaction_read_only").format(role)
                )
            case "no-connections" | "one-connection":
                limit = 0 if fault.kind == "no-connections" else 1
                if limit == 0:
                    self.excused |= {"ledger", "counts"}
                execute(SQL(f"ALTER ROLE {{}} CONNECTION LIMIT {limit}").format(role))
                self._terminate()
                undo.callback(execute, SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(role))
            case "forgotten":
                self.network.stall_existing()
            case "cut-while-frozen":
                self.network.cut_existing()
        self._counted.append((fault, counted))

    def _together(
        self,
        fault: Fault,
        functions: list[Function],
        event: dict[str, Any],
        close: int,
        undo: ExitStack,
    ) -> None:
        self._counted.append((fault, None))
        match fault.kind:
            case "new-month":
                self._drop_months(close)
                self._before = self._table()
            case "serializable":
                self._setting("serializable", undo)
            case "deadlock":
                self.services.arm([], self._rng)
                self._invoke(functions[:1], event, 60)
                self._truth.revise()
                self._truth.publish(self.services.cloudwatch)
                self._before, self._known_runs = self._table(), self._runs()
                self._deadlock(close, undo)

    def _deadlock(self, close: int, undo: ExitStack) -> None:
        """A session that holds the last rows, and asks for the others a moment later."""
        locker = psycopg.connect(self.home.admin_url, application_name="chaos")
        locker.execute("SET LOCAL deadlock_timeout = '60s'")
        rows = (
            "FROM metrics JOIN instances AS i ON i.id = metrics.instance_id "
            "WHERE i.instance_id = ANY(%s) ORDER BY timestamp {}, metrics.instance_id {} {} "
            "FOR UPDATE OF metrics"
        )
        ids = [list(self._ids)]
        locker.execute("SELECT 1 " + rows.format("DESC", "DESC", "LIMIT 30"), ids)

        def ask() -> None:
            with suppress(psycopg.Error):
                locker.execute("SELECT 1 " + rows.format("", "", ""), ids)
                locker.rollback()
            _let_go(locker)

        timer = threading.Timer(0.6, ask)
        timer.daemon = True
        timer.start()
        undo.callback(_let_go, locker)

    def _terminate(self) -> None:
        with psycopg.connect(
            self.home.admin_url, autocommit=True, application_name="chaos"
        ) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name <> 'chaos'"
            )

    def _reopen(self) -> None:
        """Wait until PgBouncer has tried again what the faults made it give up."""

    # Looking on.

    def _table(self) -> Table:
        rows = self._admin.execute(
            f"SELECT i.instance_id, extract(epoch FROM timestamp)::bigint, {', '.join(COLUMNS)} "
            "FROM metrics JOIN instances AS i ON i.id = metrics.instance_id "
            "WHERE i.instance_id = ANY(%s)",
            [list(self._ids)],
            binary=True,
        ).fetchall()
        assert len({row[:2] for row in rows}) == len(rows), "one hour of an instance twice"
        return {(row[0], row[1]): tuple(row[2:]) for row in rows}

    def _runs(self) -> set[str]:
        return {str(row[0]) for row in self._admin.execute("SELECT run_id FROM ingest_runs")}

    def _new_runs(self, known: set[str]) -> list[dict[str, Any]]:
        rows = self._admin.execute("SELECT to_jsonb(run) FROM ingest_runs AS run").fetchall()
        return [row for (row,) in rows if row["run_id"] not in known]

    def _held(self, invocations: list[_Invocation]) -> list[str]:
        """Transactions that are still open although every handler has returned."""
        if any(not invocation.function.alive for invocation in invocations):
            return []
        found: list[Any] = []
        for _ in range(15):
            found = self._admin.execute(
                "SELECT state, left(query, 60) FROM pg_stat_activity WHERE state <> 'idle' "
                "AND datname = current_database() AND application_name <> 'chaos' "
                "AND backend_type = 'client backend'"
            ).fetchall()
            if not found:
                return []
            time.sleep(0.1)
        self._terminate()
        return [f"{state}: {query}" for state, query in found]

    def _markers(self) -> tuple[str, ...]:
        return MARKER, self.home.password, urlsplit(self.home.admin_url).password or MARKER

    def close(self) -> None:
        for function in self._functions.values():
            function.close()


def _let_go(locker: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        locker.close()


@contextmanager
def running_world(home: Home, target: str, folder: Path) -> Iterator[World]:
    """A world at ``home``; ``target`` says whether the way there goes through PgBouncer."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        port = urlsplit(home.admin_url).port or 5432
        if target.endswith("pgbouncer"):
            pooler = stack.enter_context(
                running_pooler(
                    folder, home.runtime_url, server_login_retry="1", query_wait_timeout="20",
                    ignore_startup_parameters="extra_float_digits",
                )
            )  # fmt: skip
            port = pooler.port
        services = stack.enter_context(running_services())
        services.marker = MARKER
        network = stack.enter_context(running_proxy("127.0.0.1", port))
        nursery = stack.enter_context(running_nursery(folder))
        admin = stack.enter_context(
            psycopg.connect(home.admin_url, autocommit=True, application_name="chaos")
        )
        world = World(home, target, services, network, nursery, folder, admin)
        stack.callback(world.close)
        yield world


Playing = Callable[[int], Report]
__all__ = ["ALWAYS", "Report", "World", "running_world"]
