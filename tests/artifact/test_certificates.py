"""The certificate authorities of RDS that the layer carries: which, how many, and for how long."""

from __future__ import annotations

import re
import ssl
import time
from collections import Counter
from pathlib import Path

import pytest

from layers.rds_ca import certificates, described, main, name_of
from tests.lambda_runtime import ROOT

FOLDER = ROOT / "layers" / "rds-ca"
README = (FOLDER / "README.md").read_text()
BUNDLES = sorted(FOLDER.glob("*.pem"))
NAME = re.compile(r"Amazon RDS ([a-z]+(?:-[a-z]+)+-\d) Root CA (RSA2048|RSA4096|ECC384) G1")
YEAR = 365 * 24 * 3600


def authorities(bundle: Path) -> dict[str, dict[str, object]]:
    return {
        name_of(certificate): certificate
        for certificate in map(described, certificates(bundle.read_text()))
    }


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_a_bundle_has_the_three_authorities_of_each_region(bundle: Path) -> None:
    found = authorities(bundle)
    regions = Counter(match[1] for name in found if (match := NAME.fullmatch(name)))
    assert set(regions.values()) == {3}
    assert sum(regions.values()) == len(found)
    (row,) = re.findall(rf"\| `{bundle.name}` \|.*\| (\d+) \| (\d+) \|", README)
    assert row == (str(len(found)), str(len(regions)))


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_no_certificate_expires_within_ten_years(bundle: Path) -> None:
    for name, certificate in authorities(bundle).items():
        end = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
        assert end > time.time() + 10 * YEAR, name
        assert certificate["issuer"] == certificate["subject"], name


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_the_libraries_read_the_whole_bundle(bundle: Path) -> None:
    context = ssl.create_default_context(cafile=bundle)
    assert len(context.get_ca_certs()) == len(authorities(bundle))


def test_the_regions_that_are_not_covered_are_named() -> None:
    """Those whose bundle a person has to bring; a refresh that brings them changes the README."""
    covered = {NAME.fullmatch(name)[1] for one in BUNDLES for name in authorities(one)}  # type: ignore[index]
    (said,) = re.findall(r"\*\*Not covered\*\*(.*?)and the partitions", README, re.DOTALL)
    named = set(re.findall(r"`([a-z]+-[a-z-]+-\d)`", said))
    assert len(named) == 7
    assert not named & covered
    assert {"us-east-1", "eu-central-1", "ap-northeast-1", "sa-east-1"} <= covered


def test_a_refresh_leaves_out_what_has_expired_and_sorts_by_partition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a bundle of AWS's, and from the package that spells it in JavaScript."""
    monkeypatch.setattr("layers.rds_ca.HERE", tmp_path)
    (pem, *_) = certificates((FOLDER / "commercial.pem").read_text())
    quoted = "' +\n        '".join(f"{line}\\n" for line in pem.splitlines())
    (tmp_path / "package").mkdir()
    script = f"exports.defaults = [\n    '{quoted}',\n];\n"
    (tmp_path / "package" / "defaults.js").write_text(script)
    main([str(tmp_path / "package")])
    assert capsys.readouterr().out == "layers/rds-ca/commercial.pem: 1 certificates\n"
    assert list(certificates((tmp_path / "commercial.pem").read_text())) == [pem]
    monkeypatch.setattr(time, "time", lambda: 1e12)
    with pytest.raises(SystemExit, match="No certificate"):
        main([str(tmp_path / "commercial.pem")])
