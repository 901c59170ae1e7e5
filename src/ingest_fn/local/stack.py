"""``make up`` and ``make down``: PostgreSQL and an AWS emulator at known ports, until told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from threading import Event
from time import monotonic, sleep

import boto3

from ingest_fn.errors import ConfigurationError
from ingest_fn.local import world
from ingest_fn.local.aws import LocalAws, local_aws
from ingest_fn.local.postgres import DIRECTORY, STACK, local_postgres, running_stack
from ingest_fn.local.synthetic.ec2 import launch
from ingest_fn.local.synthetic.publish import publish
from ingest_fn.pipeline.model import Window
from ingest_fn.request.window import floor

FOLDER = DIRECTORY.parent
ENV, LOG = FOLDER / "env", FOLDER / "stack.log"
REGION = "local-stack-1"
POSTGRES_PORT, AWS_PORT = 54320, 45660
MACHINES, SEED = 10, 102
_PATIENCE = 90.0
_LOOK_AGAIN = 60.0
"""Seconds after which the fleet is looked at: with each hour, it has one more to publish."""

_FOREIGN = (
    "AWS_PROFILE",
    *(f"AWS_ENDPOINT_URL_{service}" for service in ("CLOUDWATCH", "EC2", "SSM", "STS")),
    "AWS_INSTANCE_IDS",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """How many machines, and at which ports of 127.0.0.1 the servers are to listen."""

    instances: int = MACHINES
    postgres_port: int = POSTGRES_PORT
    aws_port: int = AWS_PORT


def up(wish: Wish) -> None:
    """Start the stack in the background, if it is not there, and print how to use it.

    Raises ConfigurationError where it does not start.
    """
    if running_stack(FOLDER.absolute()) is None:
        _start(wish)
    print(ENV.read_text(encoding="utf-8"), end="")
    print(f"# The same is in {ENV}: . {ENV}   End it all: make down", file=sys.stderr)


def _start(wish: Wish) -> None:
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in (ENV, FOLDER / STACK):
        stale.unlink(missing_ok=True)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(wish).items()]
    command = [sys.executable, "-m", "ingest_fn.cli.stack", "serve", *options]
    with LOG.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    end = monotonic() + _PATIENCE
    while not (FOLDER / STACK).exists():
        if process.poll() is not None or monotonic() > end:
            process.terminate()
            said = LOG.read_text(encoding="utf-8").strip().splitlines()[-4:]
            raise ConfigurationError(
                f"The local stack did not start: {' '.join(said)}", f"The whole log is {LOG}."
            )
        sleep(0.1)


def down() -> None:
    """End the stack of this folder, and wait for its end. The data stay."""
    try:
        pid = int(json.loads((FOLDER / STACK).read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        print("Nothing is up here.")
        return
    if not _is_ours(pid):
        _forget()
        print("Nothing is up here any more.")
        return
    os.kill(pid, signal.SIGTERM)
    end = monotonic() + _PATIENCE
    while _is_ours(pid) and monotonic() < end:
        sleep(0.1)
    print(f"The local stack is down. Its data stay in {DIRECTORY}.")


def _is_ours(pid: int) -> bool:
    """Whether the process is a stack of ours: another may have got the pid of a dead one."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "stat=,args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return "ingest_fn.cli.stack" in shown and not shown.startswith("Z")


def _forget() -> None:
    for file in (ENV, FOLDER / STACK):
        file.unlink(missing_ok=True)


def serve(wish: Wish) -> None:
    """Keep both servers and a fleet with fifteen days of metrics, until a signal comes."""
    with (
        local_postgres(notify=print, port=wish.postgres_port) as server,
        local_aws(REGION, wish.aws_port) as aws,
        world.only_local(aws),
    ):
        world.prepare(server.url, REGION)
        end = floor(datetime.now(UTC))
        fleet = world.populate(wish.instances, SEED, Window(end - world.HISTORY, end), REGION)
        _write(ENV, _exports(aws, server.url))
        _write(FOLDER / STACK, json.dumps({"pid": os.getpid(), "url": server.url}))
        try:
            while not Event().wait(_LOOK_AGAIN):
                now = floor(datetime.now(UTC))
                if now > end:
                    publish(boto3.client("cloudwatch"), fleet, Window(end, now))
                    launch(fleet, now, REGION)
                    end = now
        except KeyboardInterrupt:
            print("Going down.")
        finally:
            _forget()


def _write(file: Path, text: str) -> None:
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


def _exports(aws: LocalAws, url: str) -> str:
    variables: Mapping[str, str] = {
        **aws.environment(),
        "INSTANCE_IDS_PARAMETER": world.PARAMETER,
        "DATABASE_URL": url,
    }
    lines = [f"export {name}={quote(value)}" for name, value in variables.items()]
    return "\n".join([f"unset {' '.join(_FOREIGN)}", *lines]) + "\n"
