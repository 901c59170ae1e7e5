"""``verify-full`` as the template sets it: only the right server of the right name is trusted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingest_fn.errors import StoreUnreachableError
from ingest_fn.local.aws import LocalAws
from ingest_fn.postgres.connections import Connections, connect
from ingest_fn.postgres.login import login_for
from ingest_fn.settings import database
from tests.pooler import Pooler, running_pooler
from tests.postgres import Server

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test's own."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def sign(self, host: str, folder: Path) -> dict[str, str]:
        """A server's key and certificate for ``host``, as PgBouncer's settings."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(host, self.certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        files = {
            "client_tls_key_file": key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            "client_tls_cert_file": certificate.public_bytes(serialization.Encoding.PEM),
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)
        return {"client_tls_sslmode": "require", **{name: str(folder / name) for name in files}}

    def bundle(self, file: Path) -> Path:
        """What a client trusts."""
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return file


def _builder(
    name: str, issuer: x509.Name | None, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - YEAR)
        .not_valid_after(now + YEAR)
    )


def authority(name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(name, None, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


AUTHORITY = authority("the one that is trusted")


@pytest.fixture
def server(postgres: Server, tmp_path: Path) -> Iterator[Pooler]:
    """A server that shows a certificate for localhost."""
    settings = AUTHORITY.sign("localhost", tmp_path)
    with running_pooler(tmp_path, postgres.url_of("postgres"), **settings) as found:
        yield found


@pytest.fixture
def env(aws: LocalAws, server: Pooler, tmp_path: Path) -> dict[str, str]:
    """What the template sets."""
    del aws
    secret: dict[str, Any] = boto3.client("secretsmanager").create_secret(
        Name="runtime", SecretString=json.dumps({"username": "ingest", "password": "hunter2"})
    )
    return {
        "DATABASE_HOST": "localhost",
        "DATABASE_PORT": str(server.port),
        "DATABASE_NAME": "postgres",
        "DATABASE_AUTH": "secret",
        "DATABASE_SECRET_ARN": secret["ARN"],
        "DATABASE_SSLROOTCERT": str(AUTHORITY.bundle(tmp_path / "ca.pem")),
    }


def connected(env: dict[str, str]) -> psycopg.Connection:
    return connect(login_for(database(env), "eu-central-1"))


def refused(env: dict[str, str], said: str, hint: str) -> None:
    """No connection, the cause in libpq's words, and a hint that is about TLS."""
    with pytest.raises(StoreUnreachableError, match=said) as refusal:
        connected(env)
    assert refusal.value.message.startswith("Cannot connect to Postgres at ")
    assert hint in refusal.value.hint
    assert "security group" not in refusal.value.hint
    assert "hunter2" not in str(refusal.value)


def test_the_right_server_is_trusted(env: dict[str, str]) -> None:
    with connected(env) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_every_connection_of_a_pool_logs_in_with_a_token_of_its_own(env: dict[str, str]) -> None:
    login = login_for(
        database(env | {"DATABASE_AUTH": "iam", "DATABASE_USER": "ingest"}), "eu-central-1"
    )
    with closing(Connections(login)) as connections, connections.connection() as one:
        time.sleep(1.1)  # a token is signed for a second
        with connections.connection() as other:
            tokens = {one.info.password, other.info.password}
            assert one.pgconn.ssl_in_use
            assert other.pgconn.ssl_in_use
    assert len(tokens) == 2
    assert all(f"localhost:{env['DATABASE_PORT']}/?Action=connect" in token for token in tokens)


def test_a_server_of_another_name_is_not(env: dict[str, str]) -> None:
    refused(env | {"DATABASE_HOST": "127.0.0.1"}, "does not match host name", "DATABASE_HOST")


def test_a_server_signed_by_another_authority_is_not(env: dict[str, str], tmp_path: Path) -> None:
    other = authority("the one that is not").bundle(tmp_path / "other.pem")
    env |= {"DATABASE_SSLROOTCERT": str(other)}
    refused(env, "certificate verify failed", "DATABASE_SSLROOTCERT")


def test_an_authority_of_one_s_own_is_not_unless_it_is_named(env: dict[str, str]) -> None:
    del env["DATABASE_SSLROOTCERT"]
    refused(env, "certificate verify failed", "DATABASE_SSLROOTCERT")


def test_a_server_without_tls_is_not(env: dict[str, str], pooler: Pooler) -> None:
    refused(env | {"DATABASE_PORT": str(pooler.port)}, "does not support SSL", "takes no TLS")


def test_a_missing_bundle_is_named(env: dict[str, str]) -> None:
    env |= {"DATABASE_SSLROOTCERT": "/nowhere.pem"}
    refused(env, r"/nowhere\.pem", "DATABASE_SSLROOTCERT")


def test_a_pool_says_so_too(env: dict[str, str]) -> None:
    login = login_for(database(env | {"DATABASE_HOST": "127.0.0.1"}), "eu-central-1")
    with (
        closing(Connections(login)) as connections,
        pytest.raises(StoreUnreachableError, match="does not match host name"),
        connections.connection(),
    ):
        raise AssertionError
