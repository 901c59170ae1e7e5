"""AWS's errors in the words of this package: one sentence each, and its own hint."""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from ingest_fn.errors import AccessDeniedError, AwsError, ConfigurationError, IngestError, printable

AWS_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
"""All that a botocore client raises on purpose; ``translate`` puts it into our words."""

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "AuthorizationError",
    "NotAuthorized",
    "UnauthorizedAccess",
    "UnauthorizedOperation",
}
_SKEWED = {"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"}
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_MAYBE_OFF = {
    "AuthFailure",
    "InvalidClientTokenId",
    "OptInRequired",
    "UnrecognizedClientException",
}
"""What a Region answers that the account has not turned on: it does not know the keys."""

_LOG_IN = "Log in (aws sso login) or set AWS_PROFILE; check with aws sts get-caller-identity."
_CLOCK = "Set this machine's clock: AWS refuses a request that was signed minutes ago or ahead."
_OFF = (
    "The keys are wrong, or this Region is not turned on for the account: check AWS_REGION, and "
    "with aws sts get-caller-identity."
)
_WAY = (
    "Check AWS_REGION and the way to AWS's endpoints: a NAT gateway or interface endpoints for a "
    "function in a VPC, a proxy, AWS_ENDPOINT_URL."
)
_BY_POLICY = {
    "service control policy": "A policy of the organisation denies {action}: ask who manages it.",
    "resource control policy": "A policy of the organisation denies {action}: ask who manages it.",
    "permissions boundary": "Allow {action} in the permissions boundary of the caller as well.",
    "session policy": "Allow {action} in the session policy that the role was assumed with.",
    "VPC endpoint policy": "Allow {action} in the policy of the VPC endpoint.",
}
"""By AWS's words for the policy that denies: what to do about it."""

_Make = type[ConfigurationError] | type[AwsError]
_CONFIGURATION: tuple[tuple[tuple[type[Exception], ...], _Make, str, str], ...] = (
    (
        (ProfileNotFound,),
        ConfigurationError,
        "{said}.",
        "Set AWS_PROFILE to one of aws configure list-profiles, or unset it.",
    ),
    (
        (ConfigParseError, ConfigNotFound),
        ConfigurationError,
        "{said}.",
        "Correct the file that AWS_CONFIG_FILE names (or ~/.aws/config).",
    ),
    (
        (PartialCredentialsError,),
        AccessDeniedError,
        "{said}.",
        "Set both halves of the key, or neither: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    ),
    (
        (CredentialRetrievalError,),
        AccessDeniedError,
        "The AWS credentials could not be fetched: {said}.",
        "Run the command of credential_process by hand, or use another profile.",
    ),
    (
        (InvalidRegionError,),
        ConfigurationError,
        "{said}.",
        "Set AWS_REGION, as in eu-central-1.",
    ),
    (
        (NoCredentialsError, SSOError, TokenRetrievalError, UnauthorizedSSOTokenError),
        AccessDeniedError,
        "No usable AWS credentials were found.",
        _LOG_IN,
    ),
    (
        (ProxyConnectionError,),
        AwsError,
        "{said}.",
        "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY.",
    ),
)
"""botocore's errors before any call: ours, its words, and the hint. The first that fits counts."""

_USER_INFO = re.compile(r"//[^/\s\"']*@")


def translate(error: Exception, action: str) -> IngestError:
    """What went wrong with ``action`` (its IAM name, ``cloudwatch:GetMetricData``) and the hint."""
    if isinstance(error, ClientError):
        return _refused(error, action)
    if (reason := _misconfigured(error)) is not None:
        return reason
    said = _said(error)
    if isinstance(error, NoConnectionError | HTTPClientError):
        return AwsError(f"{action} failed: {said}.", _WAY)
    return AwsError(f"{action} failed: {said}.")


def not_configured(error: Exception) -> IngestError:
    """Why no client can be made: a profile, a config file, an endpoint."""
    reason = _misconfigured(error)
    if reason is not None:
        return reason
    if isinstance(error, ValueError):
        return ConfigurationError(
            f"AWS clients cannot be made: {_said(error)}.",
            "AWS_ENDPOINT_URL takes a whole URL, as in https://host:443.",
        )
    return ConfigurationError(f"AWS clients cannot be made: {_said(error)}.")


def _misconfigured(error: Exception) -> IngestError | None:
    """What botocore says of the configuration, before any call."""
    for kinds, make, message, hint in _CONFIGURATION:
        if isinstance(error, kinds):
            return make(message.format(said=_said(error)), hint)
    return None


def _refused(error: ClientError, action: str) -> IngestError:
    code = error_code(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    # What follows its first sentences may quote the request, session token and all: out of our
    # words with it, and out of those of the cause.
    said = message.partition("\n")[0].partition(" The Canonical String")[0]
    error.args = (said,)
    skewed = code in _SKEWED or said.startswith(("Signature expired", "Signature not yet current"))
    if skewed:
        return AccessDeniedError(f"AWS refused the request's time ({code}): {said}", _CLOCK)
    if code in _DENIED:
        found = (hint for words, hint in _BY_POLICY.items() if words in said)
        hint = next(found, "Allow {action} in the IAM policy of the caller.")
        return AccessDeniedError(f"AWS denied {action}: {said}", hint.format(action=action))
    if code in _BAD_CREDENTIALS:
        hint = _OFF if code in _MAYBE_OFF else _LOG_IN
        return AccessDeniedError(f"AWS refused the credentials ({code}): {said}", hint)
    return AwsError(f"{action} failed: {code}: {printable(said)}")


def _said(error: Exception) -> str:
    """Botocore's own words, without user and password of any URL in them."""
    return _USER_INFO.sub("//…@", str(error)).rstrip(".")


def error_code(error: ClientError) -> str:
    """The service's own code for the error, ``ThrottlingException``."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))
