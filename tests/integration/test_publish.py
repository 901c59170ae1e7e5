"""A published fleet, read back through CloudWatch's own interface."""

from __future__ import annotations

import socket

import boto3
import pytest
from botocore.config import Config

from ingest_fn.cloudwatch import reader
from ingest_fn.errors import ConfigurationError
from ingest_fn.local.aws import LocalAws
from ingest_fn.local.synthetic.fleet import make_fleet
from ingest_fn.local.synthetic.metrics import readings
from ingest_fn.local.synthetic.publish import publish
from ingest_fn.pipeline.flow import Pace
from ingest_fn.pipeline.model import Api, Batch
from tests.making import DAY, END

FLEET = list(make_fleet(10, 3, END))


@pytest.mark.parametrize("api", [Api.METRIC_DATA, Api.METRIC_STATISTICS])
def test_what_is_published_is_what_is_read(aws: LocalAws, api: Api) -> None:
    """Every kind of machine, with its gaps; more entries than go into one call."""
    client = boto3.client("cloudwatch")
    made = list(readings(FLEET, DAY))
    hours = sum(len(reading.series[0]) for reading in made)
    with_agent = [made.series[0] for one, made in zip(FLEET, made, strict=True) if one.agent]
    published = publish(client, FLEET, DAY)
    assert 500 < published == 3 * hours + sum(map(len, with_agent)) < 4 * 24 * len(FLEET)

    ids = [machine.instance_id for machine in FLEET]
    read = {
        r.instance_id: r for r in reader(api, client, Pace(1e9)).fetch(Batch(ids, DAY)).readings
    }

    assert read.keys() == set(ids)
    for reading in made:
        fetched = read[reading.instance_id]
        assert fetched.unread is None
        for theirs, mine in zip(fetched.series, reading.series, strict=True):
            assert theirs == pytest.approx(mine, rel=1e-12)


def test_an_endpoint_that_does_not_take_it_says_what_to_do(aws: LocalAws) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"http://127.0.0.1:{server.getsockname()[1]}"
    once = Config(retries={"total_max_attempts": 1})
    client = boto3.client("cloudwatch", endpoint_url=nobody, config=once)
    with pytest.raises(ConfigurationError, match="did not take the synthetic metrics") as caught:
        publish(client, FLEET[:1], DAY)
    assert "point AWS_ENDPOINT_URL at an emulator" in caught.value.hint
