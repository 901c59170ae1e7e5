"""An AWS emulator (moto) inside this process. It forgets everything when its block ends."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.test import Client

from ingest_fn.errors import ConfigurationError

_ADDRESS = "127.0.0.1"
_STOP_WITHIN = 0.05
"""Seconds. This is why moto's own ThreadedMotoServer is not used: it takes half a second."""


@dataclass(frozen=True, slots=True)
class LocalAws:
    """A running emulator of all services, in every Region, for any account."""

    url: str
    region: str

    def environment(self) -> dict[str, str]:
        """The variables that point boto3 to the emulator. They must replace the caller's own."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_USE_DUALSTACK_ENDPOINT": "false",
            "AWS_USE_FIPS_ENDPOINT": "false",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_SESSION_TOKEN": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "no_proxy": _ADDRESS,
        }

    def take_over(self, environ: MutableMapping[str, str]) -> None:
        """Point ``environ`` to the emulator alone, whatever it says of profiles and endpoints."""
        for name in list(environ):
            if name.startswith("AWS_ENDPOINT_URL_") or name in _FOR_OTHERS:
                del environ[name]
        environ.update(self.environment())


_FOR_OTHERS = {
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
}
"""Variables that lead to an account of the caller's."""


@contextmanager
def local_aws(region: str = "us-east-1", port: int = 0) -> Iterator[LocalAws]:
    """An empty emulator on ``port`` of 127.0.0.1 (0: a free one), until the block ends.

    ``region`` may be a made-up one. Raises ConfigurationError where the port is taken. moto keeps
    its state per process, so a second emulator at the same time would share it.
    """
    application = DomainDispatcherApplication(create_backend_app)
    os.environ["MOTO_ALLOW_NONEXISTENT_REGION"] = "true"
    server = _server(application, port)
    thread = threading.Thread(
        target=server.serve_forever, args=(_STOP_WITHIN,), name="local-aws", daemon=True
    )
    thread.start()
    try:
        yield LocalAws(f"http://{_ADDRESS}:{server.server_port}", region)
    finally:
        server.shutdown()
        thread.join()
        Client(application).post("/moto-api/reset")


def _server(application: DomainDispatcherApplication, port: int) -> BaseWSGIServer:
    try:
        # werkzeug would end the process.
        socket.create_server((_ADDRESS, port)).close()
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} of {_ADDRESS} is taken, so the AWS emulator cannot use it.",
            "End what uses it; make down ends an emulator of this folder.",
        ) from error
    return make_server(_ADDRESS, port, application, threaded=True, request_handler=_QuietHandler)


class _QuietHandler(MotoRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Do not log requests. Errors are still logged."""
