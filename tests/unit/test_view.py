"""What ``cloudwatch`` shows on a terminal of 80 columns."""

from __future__ import annotations

import re

import pytest

from ingest_fn.cli.view import View, sparkline
from ingest_fn.pipeline.model import InstanceOutcome, Outcome
from tests.making import DAY, instance_id, new_result

HOURS = DAY.hours


def test_a_sparkline_has_a_character_per_hour_and_a_blank_per_gap() -> None:
    assert sparkline({}) == ""
    values = {HOURS[0]: 0.0, HOURS[1]: 50.0, HOURS[3]: 100.0}
    assert sparkline(values) == "▁▅ █"
    assert len(sparkline(dict.fromkeys(range(0, 3600 * 400, 3600), 3.0))) == 24


def test_it_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TTY_COMPATIBLE", "1"), ("COLUMNS", "80"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TERM", "xterm")
    result = new_result()
    cpu = {hour: float(number * 4) for number, hour in enumerate(HOURS)}
    outcomes = [
        InstanceOutcome(instance_id(1), Outcome.OK, None, 1680, 336, 0, 10, created=True, cpu=cpu),
        InstanceOutcome(instance_id(2), Outcome.EMPTY),
    ]
    view = View()
    view.started(result.run)
    view.batch(outcomes)
    view.closing(result)
    lines = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()
    (of_one,) = [line for line in lines if instance_id(1) in line]
    assert "▁▁▁▁" in of_one
    assert of_one.rstrip().endswith("+336 ~0 =10  new")
    assert max(map(len, lines)) <= 80, lines
