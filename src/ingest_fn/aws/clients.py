"""AWS clients, and the translation of AWS's errors into those of ``errors.py``."""

from __future__ import annotations

from threading import Lock
from typing import Any, Self

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from ingest_fn.errors import AccessDeniedError, AwsError, IngestError

AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""All that a botocore client raises on purpose. ``translate`` turns it into an IngestError."""

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure"}
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
_LOG_IN = "Log in (aws sso login) or set AWS_PROFILE; check with aws sts get-caller-identity."

_CREATING = Lock()
"""A botocore session is not safe while two threads make clients with it."""


class Clients:
    """Makes clients that share one botocore session: a second would load every model again."""

    def __init__(
        self, region: str, calls_in_flight: int, session: botocore.session.Session | None = None
    ) -> None:
        self.session = session or botocore.session.get_session()
        self._calls_in_flight = calls_in_flight
        self._config = Config(
            region_name=region,
            connect_timeout=3,
            read_timeout=15,
            max_pool_connections=calls_in_flight,
            retries={"mode": "adaptive", "total_max_attempts": 6},
        )

    def elsewhere(self, region: str, session: botocore.session.Session | None = None) -> Self:
        """Clients for another Region, or for another account if its ``session`` is given."""
        return type(self)(region, self._calls_in_flight, session or self.session)

    def make(self, service: str) -> Any:
        """A client. A call times out after 15 s and is tried up to six times, also if throttled."""
        with _CREATING:
            return self.session.create_client(service, config=self._config)


def translate(error: Exception, action: str) -> IngestError:
    """The error to raise when ``action`` failed (IAM's name: ``cloudwatch:GetMetricData``)."""
    if isinstance(error, _NO_CREDENTIALS):
        return AccessDeniedError("No usable AWS credentials were found.", _LOG_IN)
    if not isinstance(error, ClientError):
        return AwsError(f"{action} failed: {error}.".replace("..", "."))
    code, message = error_code(error), error.response.get("Error", {}).get("Message", "")
    if code in _DENIED:
        return AccessDeniedError(
            f"AWS denied {action}: {message}", f"Allow {action} in the IAM policy of the caller."
        )
    if code in _BAD_CREDENTIALS:
        # The rest of this message may quote the request with its session token, so it is removed
        # from our message and from that of the cause.
        first = message.partition("\n")[0].partition(" The Canonical String")[0]
        error.args = (first,)
        return AccessDeniedError(f"AWS refused the credentials ({code}): {first}", _LOG_IN)
    return AwsError(f"{action} failed: {code}: {message}")


def error_code(error: ClientError) -> str:
    """The service's code for the error, such as ``ThrottlingException``."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))
