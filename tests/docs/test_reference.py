"""Tables that are written by hand name exactly what the code has."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from ingest_fn.request import event
from tests.docs.pages import ROOT, blocks, first_cells
from tests.making import new_result
from tests.template.cloudformation import as_list, transformed, values_of

DOCS = ROOT / "docs"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
OPEN_ENDED = {"failures"}
"""Fields whose contents are not described one by one."""


def fields(value: dict[str, Any], above: str = "") -> set[str]:
    """The result's fields with their path, ``instances.ok``."""
    found: set[str] = set()
    for key, inner in value.items():
        whole = isinstance(inner, dict) and key not in OPEN_ENDED
        found |= fields(inner, f"{above}{key}.") if whole else {above + key}
    return found


def test_every_field_of_the_result_is_described() -> None:
    of_a_fan_out = {"parts"}
    described = first_cells(DOCS / "results.md", "field") - of_a_fan_out
    assert described == fields(new_result().as_dict())


def test_the_example_of_a_result_has_the_same_fields() -> None:
    (example,) = blocks(DOCS / "results.md", "json")
    assert fields(json.loads(example)) == fields(new_result().as_dict())


def test_every_key_of_an_event_is_described() -> None:
    assert first_cells(DOCS / "events.md", "key") == set(event._FIELDS)


def test_every_sample_event_is_described_and_taken() -> None:
    samples = sorted((ROOT / "events").glob("*.json"))
    described = (DOCS / "events.md").read_text()
    for sample in samples:
        assert f"(../events/{sample.name})" in described
        body = json.loads(sample.read_text())
        assert event.parse_event(body, now=NOW, lookback_hours=24).window.hour_count >= 24


def test_every_action_of_the_template_is_described() -> None:
    described = set(re.findall(r"`([a-z0-9-]+:[A-Za-z]+)`", (DOCS / "permissions.md").read_text()))
    of_keys_and_queues = {"kms:GenerateDataKey"}  # what SNS and SQS do with keys of their own
    policies = [
        resource["Properties"]["Policies"]
        for resource in transformed()["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role" and "Policies" in resource["Properties"]
    ]
    granted = {
        action
        for value in values_of(policies, "Action")
        for one in as_list(value)
        for action in (one["Fn::If"][1:] if isinstance(one, dict) else as_list(one))
        if isinstance(action, str)
    }
    assert described == granted - of_keys_and_queues | {"sts:AssumeRole"}


def test_every_message_of_the_troubleshooting_page_is_one_that_the_code_has() -> None:
    sources = [*(ROOT / "src").rglob("*.py"), ROOT / "Makefile"]
    code = re.sub(r'"\s*f?"', "", " ".join(file.read_text() for file in sources))
    page = (DOCS / "troubleshooting.md").read_text()
    head, _, rest = page.partition("## Something is missing")
    for name in re.findall(
        r"^\| `([^`]+)` \|", head + rest.partition("## The build")[2], re.MULTILINE
    ):
        plain = re.sub(r"cloudwatch:GetMetricData$", "", name)
        assert plain in code, f"no message has: {name}"
