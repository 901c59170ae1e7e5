"""Credentials from AWS: an RDS-style secret, or an IAM token made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Lock
from typing import Any

from botocore.awsrequest import prepare_request_dict
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from ingest_fn.aws.clients import AWS_ERRORS, Clients, error_code, translate
from ingest_fn.errors import AccessDeniedError, ConfigurationError
from ingest_fn.pipeline.flow import in_time
from ingest_fn.settings import Database

TOKEN_SECONDS = 900
"""How long an IAM token opens a login (RDS User Guide, IAM database authentication)."""

_NO_SECRET = {"ResourceNotFoundException", "InvalidRequestException"}
"""What Secrets Manager answers for a secret that never was, and for one that is being deleted."""


def server_kwargs(database: Database) -> dict[str, Any]:
    """Where the server is and how it proves itself."""
    where = {
        "host": database.host,
        "port": database.port,
        "dbname": database.name,
        "sslmode": database.sslmode,
    }
    return where if database.sslrootcert is None else where | {"sslrootcert": database.sslrootcert}


class SecretLogin:
    """User and password out of Secrets Manager, fetched at the first login and kept.

    A rotation changes them under a warm function: the next login is refused, the secret is read
    again, and if it has changed the login is tried once more.
    """

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._clients = Clients(region, calls_in_flight=1)
        self._secret: dict[str, Any] | None = None
        self._lock = Lock()

    def kwargs(self) -> dict[str, Any]:
        """Host, user and password. Raises ConfigurationError for a secret of another shape."""
        with self._lock:
            if self._secret is None:
                self._secret = self._fetch()
            return server_kwargs(self._database) | self._secret

    def renewed(self) -> bool:
        """Read the secret again; whether it has changed."""
        with self._lock:
            before, self._secret = self._secret, self._fetch()
            return self._secret != before

    def bound(self, time_left: Callable[[], float]) -> None:
        """From here on no wait goes beyond ``time_left``."""
        self._clients.time_left = time_left

    def _fetch(self) -> dict[str, Any]:
        return in_time("how to log in to the database", self._ask, self._clients.time_left)

    def _ask(self) -> dict[str, Any]:
        arn = self._database.secret_arn
        try:
            answer = self._clients.make("secretsmanager").get_secret_value(SecretId=arn)
        except AWS_ERRORS as error:
            if isinstance(error, ClientError) and error_code(error) in _NO_SECRET:
                raise ConfigurationError(
                    f"There is no secret {arn}.",
                    "Check its ARN and Region, and that it is not scheduled for deletion.",
                ) from error
            raise translate(error, "secretsmanager:GetSecretValue") from error
        secret = _user_and_password(answer.get("SecretString"))
        if secret is None:
            raise ConfigurationError(
                f"The secret {arn} is not a JSON object with username and password.",
                "Point DATABASE_SECRET_ARN at a secret in the form that RDS makes.",
            )
        return secret


def _user_and_password(text: Any) -> dict[str, Any] | None:
    """Those of an RDS-style secret, else None: the error of parsing it would hold the secret."""
    try:
        secret = json.loads(text)
        login = {"user": secret["username"], "password": secret["password"]}
    except (KeyError, TypeError, ValueError):
        return None
    return login if all(isinstance(value, str) for value in login.values()) else None


class IamLogin:
    """A token signed here, without a call, for every new connection; it gates the login alone."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region
        self._session = Clients(region, calls_in_flight=1).session

    def kwargs(self) -> dict[str, Any]:
        """Host, user and a fresh token. Raises AccessDeniedError without AWS credentials."""
        return server_kwargs(self._database) | {
            "user": self._database.user,
            "password": self._token(),
        }

    def bound(self, time_left: Callable[[], float]) -> None:
        """Tokens are made here, without a wait."""

    def renewed(self) -> bool:
        """Never: every login has had a fresh token already."""
        return False

    def _token(self) -> str:
        """What an RDS client's ``generate_db_auth_token`` makes, without loading RDS's model."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise AccessDeniedError(
                "No AWS credentials were found to sign a database token with.",
                "Log in, or set AWS_PROFILE.",
            )
        request: dict[str, Any] = {
            "url_path": "/",
            "query_string": "",
            "headers": {},
            "body": {"Action": "connect", "DBUser": self._database.user},
            "method": "GET",
        }
        prepare_request_dict(request, f"https://{self._database.host}:{self._database.port}")
        signer = RequestSigner(
            ServiceId("RDS"),
            self._region,
            "rds-db",
            "v4",
            credentials,
            self._session.get_component("event_emitter"),
        )
        try:
            url: str = signer.generate_presigned_url(
                request, "connect", expires_in=TOKEN_SECONDS, signing_name="rds-db"
            )
        except BotoCoreError as error:
            raise translate(error, "rds-db:connect") from error
        return url.removeprefix("https://")
