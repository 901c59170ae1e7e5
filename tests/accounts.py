"""Fleets in several emulated accounts and Regions, and roles that refuse or expire early."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto.core.exceptions import AccessDeniedError
from moto.sts.models import AssumedRole, STSBackend

from ingest_fn.pipeline.model import HOUR
from tests.making import END

AMI = "ami-12c6146b"
INGESTER = "arn:aws:sts::123456789012:assumed-role/ingest/fn"


def role(account_id: str) -> str:
    """The role that the ingester assumes in that account."""
    return f"arn:aws:iam::{account_id}:role/reader"


class Place:
    """One account and Region, with clients that belong to it."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id, self.region = account_id, region
        answer = boto3.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account_id}:role/owner", RoleSessionName="tests"
        )["Credentials"]
        self._session = boto3.Session(
            answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], region
        )

    def client(self, service: Any) -> Any:
        return self._session.client(service)

    def launch(self, count: int, value: str, key: str = "Name") -> list[str]:
        """Start instances with a tag."""
        tags = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value}]}]
        made = self.client("ec2").run_instances(
            ImageId=AMI, MinCount=count, MaxCount=count, TagSpecifications=tags
        )
        return [instance["InstanceId"] for instance in made["Instances"]]

    def publish(self, instance_id: str, cpu: float, hours: int = 2) -> None:
        """Publish CPU for the last hours before END."""
        self.client("cloudwatch").put_metric_data(
            Namespace="AWS/EC2",
            MetricData=[
                {
                    "MetricName": "CPUUtilization",
                    "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
                    "Timestamp": END - back * HOUR,
                    "Value": cpu,
                }
                for back in range(1, hours + 1)
            ],
        )

    def target(self, **which: object) -> dict[str, object]:
        """A target for this place, to be read in the reader's role."""
        here = {"account_id": self.account_id, "region": self.region}
        return here | {"role_arn": role(self.account_id)} | which


class Sts:
    """Replaces AssumeRole of moto's STS, which grants every role to everybody for one hour."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.assumed: list[tuple[str, str, str | None]] = []
        """Role, session name and external id of each call."""
        self.denied: set[str] = set()
        self.external_ids: dict[str, str] = {}
        self.lifetime = timedelta(hours=1)
        assume, sts = STSBackend.assume_role, self

        def assume_role(backend: STSBackend, **asked: Any) -> AssumedRole:
            arn = asked["role_arn"]
            sts.assumed.append((arn, asked["role_session_name"], asked["external_id"]))
            if arn in sts.denied or asked["external_id"] != sts.external_ids.get(arn):
                raise AccessDeniedError(INGESTER, f"sts:AssumeRole on resource: {arn}")
            made = assume(backend, **asked)
            made.expiration -= timedelta(hours=1) - sts.lifetime
            return made

        monkeypatch.setattr(STSBackend, "assume_role", assume_role)
