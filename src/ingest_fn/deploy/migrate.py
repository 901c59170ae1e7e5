"""The migration function: schema and roles, by the code that the command line uses too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ingest_fn.errors import ConfigurationError
from ingest_fn.postgres.aws_login import SecretLogin
from ingest_fn.postgres.connections import connect
from ingest_fn.postgres.login import login_for
from ingest_fn.postgres.schema.roles import OWNER, ensure_roles, grant_runtime
from ingest_fn.postgres.schema.upgrade import upgrade
from ingest_fn.settings import database, region_of


def lambda_handler(event: object, context: object) -> dict[str, Any]:
    """Bring schema and roles up to date, whatever ``event`` says; safe to repeat.

    The environment names the database with its administrator's login (``DATABASE_*``) and the
    runtime role: ``RUNTIME_USER``, ``RUNTIME_AUTH`` (secret or iam), ``RUNTIME_SECRET_ARN``.
    """
    del event, context
    return migrate(os.environ)


def migrate(env: Mapping[str, str]) -> dict[str, Any]:
    """The revisions before and after, and the runtime role. Raises IngestError."""
    settings, region = database(env), env.get("AWS_REGION")
    admin = login_for(settings, region)
    runtime, password, iam = _runtime(env)
    with connect(admin) as connection:
        ensure_roles(connection, runtime=runtime, password=password, iam=iam)
    before, after = upgrade(
        admin, owner=OWNER, runtime=runtime, environment_tag=env.get("ENVIRONMENT_TAG")
    )
    with connect(admin) as connection:
        grant_runtime(connection, runtime)
    return {"before": before, "after": after, "runtime_user": runtime}


def _runtime(env: Mapping[str, str]) -> tuple[str, str | None, bool]:
    """The runtime role's name, its password where it has one, and whether it logs in by IAM."""
    auth = env.get("RUNTIME_AUTH")
    if auth == "iam":
        return env.get("RUNTIME_USER") or "ingest_runtime", None, True
    arn = env.get("RUNTIME_SECRET_ARN")
    if auth != "secret" or not arn:
        raise ConfigurationError(
            f"RUNTIME_AUTH is {auth!r} and RUNTIME_SECRET_ARN is {arn!r}.",
            "RUNTIME_AUTH takes iam, or secret with RUNTIME_SECRET_ARN.",
        )
    runtime = database({**env, "DATABASE_AUTH": "secret", "DATABASE_SECRET_ARN": arn})
    secret = SecretLogin(runtime, region_of(env)).kwargs()
    return secret["user"], secret["password"], False
