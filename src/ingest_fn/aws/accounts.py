"""Clients for targets in other accounts. Each role is assumed once, then kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError

from ingest_fn.aws.clients import AWS_ERRORS, Clients, translate
from ingest_fn.errors import AccessDeniedError, IngestError
from ingest_fn.request.target import Target

SESSION_NAME = "hourmeter-ingest"
"""The name under which the reads appear in the other account's CloudTrail."""


class Accounts:
    """Makes clients for the accounts of targets. Safe to use from several threads.

    The credentials of a role are fetched when it is first used, and serve all Regions. botocore
    renews them from fifteen minutes before they expire, also in the middle of a run. Two threads
    that need a new role at the same moment may both assume it. That does no harm.
    """

    def __init__(self, home: Clients) -> None:
        self._home = home
        self._sessions: dict[tuple[str, str | None], botocore.session.Session] = {}

    def clients(self, target: Target) -> Clients:
        """Clients for the target's Region, in its role. Raises AccessDeniedError, AwsError."""
        if target.role_arn is None:
            return self._home.elsewhere(target.region)
        key = target.role_arn, target.external_id
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = self._assume(*key)
        return self._home.elsewhere(target.region, session)

    def _assume(self, role_arn: str, external_id: str | None) -> botocore.session.Session:
        sts = self._home.make("sts")
        request = {"RoleArn": role_arn, "RoleSessionName": SESSION_NAME}
        if external_id is not None:
            request["ExternalId"] = external_id

        def fetch() -> dict[str, str]:
            try:
                answer = sts.assume_role(**request)["Credentials"]
            except AWS_ERRORS as error:
                raise _refusal(error, role_arn, external_id) from error
            return {
                "access_key": answer["AccessKeyId"],
                "secret_key": answer["SecretAccessKey"],
                "token": answer["SessionToken"],
                "expiry_time": answer["Expiration"].isoformat(),
            }

        session = botocore.session.get_session()
        # All sessions share one loader, because each would read the service models from disk again.
        loader = self._home.session.get_component("data_loader")
        session.register_component("data_loader", loader)
        session.register_component("credential_provider", _Assumed(fetch))
        return session


class _Assumed:
    """A provider of credentials for botocore that knows only those of the role."""

    def __init__(self, fetch: Callable[[], dict[str, str]]) -> None:
        self._credentials = RefreshableCredentials.create_from_metadata(
            fetch(), refresh_using=fetch, method="assume-role"
        )

    def load_credentials(self) -> Any:
        return self._credentials


def _refusal(error: Exception, role_arn: str, external_id: str | None) -> IngestError:
    reason = translate(error, "sts:AssumeRole")
    if not isinstance(reason, AccessDeniedError) or not isinstance(error, ClientError):
        return reason
    condition = "without an external id" if external_id is None else "with the target's external id"
    return AccessDeniedError(
        f"{role_arn} cannot be assumed. {reason.message}",
        f"Allow sts:AssumeRole on {role_arn} in the policy of this function's role, and name that "
        f"role, {condition}, in the trust policy of {role_arn}.",
    )
