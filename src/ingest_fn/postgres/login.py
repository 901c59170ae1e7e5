"""How a new connection logs in: by URL, by a secret that may rotate, or by a short-lived token."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from ingest_fn.errors import ConfigurationError, printable
from ingest_fn.settings import Database

_URL = re.compile(r"postgres(ql)?://(?>([^/@]*@)?)[^/?@]*(/[^?@]*)?(\?.*)?")
"""libpq reads more, and takes the rest of a password with a bare @ or / for host or port."""

_PORTS = re.compile(r"[0-9,]*")


class Login(Protocol):
    """Gives psycopg's connection arguments, anew for every connection."""

    def kwargs(self) -> dict[str, Any]:
        """Host, user, password and TLS. Raises IngestError where they cannot be had."""

    def bound(self, time_left: Callable[[], float]) -> None:
        """From here on no wait goes beyond ``time_left`` (seconds until the run must be over)."""

    def renewed(self) -> bool:
        """After a refused login: whether newer credentials are at hand, worth one more try."""


class UrlLogin:
    """A libpq URL, as it stands."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError for a malformed URL, without showing it."""
        if (unknown := _unknown_key(url)) is not None:
            raise ConfigurationError(
                f"DATABASE_URL has a key that libpq does not know: {printable(unknown, 60)}.",
                "What follows the ? are libpq's connection parameters, as in ?sslmode=require.",
            )
        parts = _parts(url)
        if parts is None:
            raise ConfigurationError(
                "DATABASE_URL is not a libpq URL.",
                "Write postgresql://user:password@host:5432/database, with %40 for an @ in the "
                "password and %2F for a /.",
            )
        self._kwargs = parts

    def kwargs(self) -> dict[str, Any]:
        """The URL's parts."""
        return dict(self._kwargs)

    def bound(self, time_left: Callable[[], float]) -> None:
        """There is nothing to wait for."""

    def renewed(self) -> bool:
        """Never: there is no other password to be had."""
        return False


def _unknown_key(url: str) -> str | None:
    """The first key behind the ``?`` that libpq does not take, if the URL is one otherwise."""
    if not _URL.fullmatch(url):
        return None
    known = {option.keyword.decode() for option in Conninfo.get_defaults()} | {"ssl"}
    query = url.rpartition("@")[2].partition("?")[2]
    keys = [key for key, _ in parse_qsl(query, keep_blank_values=True)]
    return next((key for key in keys if key not in known), None)


def _parts(url: str) -> dict[str, Any] | None:
    """Of a libpq URL, else None: libpq's error quotes what it cannot read, password included."""
    try:
        parts: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return None
    misread = url.startswith("postgres") and not _URL.fullmatch(url)
    return None if misread or not _PORTS.fullmatch(str(parts.get("port", ""))) else parts


def login_for(database: Database, region: str | None) -> Login:
    """The login that the settings ask for; ``region`` is needed where AWS gives the credentials.

    Nothing is contacted yet. Raises ConfigurationError.
    """
    if database.url is not None:
        return UrlLogin(database.url)
    if not region:
        raise ConfigurationError(
            "AWS_REGION is not set, and the database's credentials come from AWS.",
            "Set it to the Region of the database: export AWS_REGION=eu-central-1",
        )
    from ingest_fn.postgres.aws_login import IamLogin, SecretLogin

    return IamLogin(database, region) if database.auth == "iam" else SecretLogin(database, region)
