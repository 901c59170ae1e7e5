"""A published fleet, read back through CloudWatch's own interface."""

from __future__ import annotations

import boto3
import pytest

from ingest_fn.cloudwatch import reader
from ingest_fn.flow import Pace
from ingest_fn.local.aws import LocalAws
from ingest_fn.model import HOUR, Api, Window
from ingest_fn.synthetic.fleet import make_fleet
from ingest_fn.synthetic.metrics import readings
from ingest_fn.synthetic.publish import publish
from tests.making import END


@pytest.mark.parametrize("api", [Api.METRIC_DATA, Api.METRIC_STATISTICS])
def test_what_is_published_is_what_is_read(aws: LocalAws, api: Api) -> None:
    del aws
    window = Window(END - 6 * HOUR, END)
    fleet = list(make_fleet(7, 3, window.end))
    client = boto3.client("cloudwatch")
    publish(client, fleet, window)
    ids = [machine.instance_id for machine in fleet]
    fetched = {r.instance_id: r for r in reader(api, client, Pace(1e9)).fetch(ids, window).readings}
    for made in readings(fleet, window):
        read = fetched[made.instance_id]
        for mine, theirs in zip(made.series, read.series, strict=True):
            assert theirs == pytest.approx(mine)
