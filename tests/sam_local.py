"""Run every sample event by ``sam local invoke``, in AWS's own container.

``make sam-local`` starts it, after ``make build``. It needs a Docker engine on Linux. Parameter
Store, Secrets Manager and CloudWatch are emulated, and PostgreSQL is real. They listen on loopback,
so the container reaches them through relays on Docker's bridge. ``ARGS=--skip-pull-image`` uses
the image that is already there.
"""

from __future__ import annotations

import json
import os
import platform
import select
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import yaml

from ingest_fn.local.aws import LocalAws, local_aws
from ingest_fn.local.postgres import local_postgres
from ingest_fn.pipeline.model import utc
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.upgrade import upgrade
from ingest_fn.settings import database
from tests.cloudwatch import CloudWatch, running_cloudwatch
from tests.making import DAY

ROOT = Path(__file__).parent.parent
SAM = ROOT / ".venv-sam" / "bin" / "sam"
HOST = "host.docker.internal"
PARAMETER, INSTANCE_ID = "/fleet/instance-ids", "i-0123456789abcdef0"
ELSEWHERE = {"target.json"}
"""Events that need a role of another account, which does not exist here."""


def bridge() -> str | None:
    """The address of this machine on Docker's bridge. None if no engine answers."""
    command = ["docker", "network", "inspect", "bridge", "--format"]
    try:
        done = subprocess.run(
            [*command, "{{(index .IPAM.Config 0).Subnet}}"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return str(ip_network(done.stdout.strip())[1]) if done.stdout.strip() else None


class _Relay(socketserver.BaseRequestHandler):
    """Forwards everything to the same port of loopback, and back."""

    def handle(self) -> None:
        here: socket.socket = self.request
        with socket.create_connection(("127.0.0.1", here.getsockname()[1])) as there:
            other = {here: there, there: here}
            while True:
                for ready in select.select([here, there], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    other[ready].sendall(data)


class _Relays(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def relayed(address: str, *ports: int) -> Iterator[None]:
    """Make ports of loopback available on ``address`` too."""
    with ExitStack() as stack:
        for port in ports:
            server = stack.enter_context(_Relays((address, port), _Relay))
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.shutdown)
        yield


def variables(aws: LocalAws, cloudwatch: CloudWatch, url: str) -> dict[str, str]:
    """Values for the template's variables. sam passes on only variables that the template has."""
    parts = urlsplit(url)
    secret = json.dumps({"username": parts.username, "password": parts.password})
    boto3.client("ssm").put_parameter(Name=PARAMETER, Type="StringList", Value=INSTANCE_ID)
    arn = boto3.client("secretsmanager").create_secret(Name="runtime", SecretString=secret)["ARN"]
    return {
        "AWS_ENDPOINT_URL_CLOUDWATCH": f"http://{HOST}:{urlsplit(cloudwatch.url).port}",
        "AWS_ENDPOINT_URL_SSM": f"http://{HOST}:{urlsplit(aws.url).port}",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://{HOST}:{urlsplit(aws.url).port}",
        "DATABASE_HOST": HOST,
        "DATABASE_PORT": str(parts.port),
        "DATABASE_NAME": parts.path.strip("/"),
        "DATABASE_SECRET_ARN": arn,
        "DATABASE_SSLMODE": "disable",
        "DATABASE_SSLROOTCERT": "",
        "INSTANCE_IDS_PARAMETER": PARAMETER,
    }


def template_that_sets(names: Iterable[str]) -> Path:
    """The built template, its function with these variables too: sam changes only what is there."""
    built = ROOT / ".aws-sam" / "build" / "template.yaml"
    template = yaml.safe_load(built.read_text())
    function = template["Resources"]["IngestFunction"]["Properties"]
    function["Environment"]["Variables"] |= dict.fromkeys(names, "")
    changed = built.with_name("template-for-sam-local.yaml")
    changed.write_text(yaml.safe_dump(template))
    return changed


def invoke(
    template: Path, event: Path, env_file: Path, env: Mapping[str, str], address: str
) -> str:
    """The function's answer to one event, as sam prints it."""
    options = (
        f"Architecture={'x86_64' if platform.machine() == 'x86_64' else 'arm64'}",
        f"InstancesParameterName={PARAMETER}",
        "RuntimeAuth=secret",
    )
    done = subprocess.run(
        [
            *(SAM, "local", "invoke", "IngestFunction", "--template", template),
            *("--event", event, "--env-vars", env_file),
            *("--add-host", f"{HOST}:{address}", "--parameter-overrides", " ".join(options)),
            *sys.argv[1:],
        ],
        cwd=ROOT,
        env={**os.environ, **env, "SAM_CLI_TELEMETRY": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout.strip().rpartition("\n")[2]


def main() -> int:
    """Invoke all events. Returns 0 if every answer is a complete run."""
    address = bridge()
    if address is None:
        print("No Docker engine answers, and sam local invoke needs one.", file=sys.stderr)
        return 2
    failed = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        local_postgres(Path(folder) / "postgres", durable=False) as server,
        local_aws("eu-central-1") as aws,
        running_cloudwatch() as cloudwatch,
        relayed(
            address, *(urlsplit(url).port or 0 for url in (server.url, aws.url, cloudwatch.url))
        ),
    ):
        os.environ.update(aws.environment())
        upgrade(login_for(database({"DATABASE_URL": server.url}), None))
        for stamp in DAY.hours:
            for metric in ("CPUUtilization", "NetworkIn", "NetworkOut"):
                cloudwatch.put(INSTANCE_ID, metric, utc(stamp), 10.0)
        env_file = Path(folder) / "variables.json"
        given = variables(aws, cloudwatch, server.url)
        env_file.write_text(json.dumps({"IngestFunction": given}))
        template = template_that_sets(given)
        for event in sorted((ROOT / "events").glob("*.json")):
            if event.name in ELSEWHERE:
                print(f"{event.name:<28} left out: it takes a role of another account")
                continue
            answer = invoke(template, event, env_file, aws.environment(), address)
            whole = '"status": "ok"' in answer
            failed += not whole
            print(f"{event.name:<28} {'ok' if whole else 'FAILED'}  {answer[:200]}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
