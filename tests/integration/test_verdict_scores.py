"""The verdicts on a synthetic fleet of 500 machines and 30 days, held against its labels."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import psycopg
import pytest

from ingest_fn.local.synthetic.fleet import make_fleet
from tests.machines import END

MACHINES, DAYS, SEED = 500, 30, 7
LEAST = 0.95
SILENT = {"insufficient_data", "not_applicable"}


@pytest.fixture
def found(database_url: str) -> dict[str, str]:
    """The verdict on each machine."""
    command = [sys.executable, "-m", "ingest_fn", "synthetic", "--quiet"]
    numbers = ["--instances", str(MACHINES), "--days", str(DAYS), "--seed", str(SEED)]
    subprocess.run(
        [*command, *numbers, "--until", END.isoformat()],
        env=dict(os.environ) | {"DATABASE_URL": database_url},
        check=True,
        capture_output=True,
    )
    with psycopg.connect(database_url) as connection:
        return dict(
            connection.execute("SELECT instance_id, verdict FROM verdicts(%s)", [END]).fetchall()
        )


@pytest.mark.timeout(300)
def test_precision_and_recall_of_each_verdict(found: dict[str, str]) -> None:
    labels = {one.instance_id: one.verdict for one in make_fleet(MACHINES, SEED, END)}
    assert found.keys() == labels.keys()
    stated, meant = Counter(found.values()), Counter(labels.values())
    right = Counter(label for id_, label in labels.items() if found[id_] == label)
    scores = {
        verdict: (right[verdict] / stated[verdict], right[verdict] / meant[verdict])
        for verdict in meant
    }
    print(scores)
    assert len(scores) == 7
    assert all(min(score) >= LEAST for score in scores.values()), scores
    silent = {id_ for id_, label in labels.items() if label in SILENT}
    assert {found[id_] for id_ in silent} <= SILENT
