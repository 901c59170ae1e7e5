"""The runbook has an entry for all that can ring, be logged or be raised, and no other."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import walk_packages

import ingest_fn
from ingest_fn import telemetry
from ingest_fn.errors import IngestError
from tests.docs.pages import ROOT, blocks, first_cells
from tests.template.cloudformation import transformed

RUNBOOK = ROOT / "docs" / "runbook.md"
ALARMS = {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}
RUNS_WHEN_IMPORTED = {"ingest_fn.postgres.schema.env", "ingest_fn.cli.stack"}


def errors(base: type[IngestError] = IngestError) -> set[str]:
    found: set[str] = set()
    for error in base.__subclasses__():
        found |= {error.__name__} | errors(error)
    return found


def test_every_alarm_of_the_translated_template() -> None:
    resources = transformed()["Resources"]
    alarms = {name for name, resource in resources.items() if resource["Type"] in ALARMS}
    assert len(alarms) > 5
    assert first_cells(RUNBOOK, "alarm") == alarms


def test_every_error_that_is_raised_on_purpose() -> None:
    for module in walk_packages(ingest_fn.__path__, "ingest_fn."):
        if module.name not in RUNS_WHEN_IMPORTED and "__main__" not in module.name:
            import_module(module.name)
    assert len(errors()) > 8
    assert first_cells(RUNBOOK, "error") == {name for name in errors() if not name.startswith("_")}


def test_every_line_of_the_log() -> None:
    source = (ROOT / "src/ingest_fn/telemetry.py").read_text(encoding="utf-8")
    lines = set(re.findall(r'(?:level|logger\.\w+)\("([^"]+)"', source))
    assert len(lines) == 3, telemetry
    assert first_cells(RUNBOOK, "line") == lines


def test_the_queries(database_url: str) -> None:
    import psycopg

    with psycopg.connect(database_url) as connection:
        queries = blocks(RUNBOOK, "sql")
        assert len(queries) == 2
        for query in queries:
            connection.execute(query.encode())
