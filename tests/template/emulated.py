"""moto's CloudFormation: what it cannot do left out, what a stack needs made before."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.template.cloudformation import BUCKET, KEY, REGION, Stack
from tests.template.combinations import NETWORK, SECURITY_GROUP

STACK = "ingest"

UNKNOWN_TO_MOTO: dict[str, Any] = {
    '{"Ref": "Schema"}': "ingest-fn-schema",
    '{"Ref": "RuntimeSecret"}': "arn:aws:secretsmanager:::runtime",
    '{"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}': (
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:admin-AbCdEf"
    ),
    '{"Fn::GetAtt": ["Database", "DbiResourceId"]}': "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
}
"""What moto cannot answer, and what it gets in its place."""

KINDS_UNKNOWN_TO_MOTO = (
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::VPCCidrBlock",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Scheduler::Schedule",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::QueuePolicy",
    "Custom::DatabaseSchema",  # moto would start the function, in Docker
)


def for_moto(value: Any) -> Any:
    """The template, with what moto does not know replaced."""
    if isinstance(value, list):
        return [for_moto(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Cidr" in value:
        ipv4 = value["Fn::Cidr"][0] == {"Ref": "NetworkCidr"}
        return [f"10.20.0.{n * 64}/26" if ipv4 else f"2001:db8:0:{n}::/64" for n in range(2)]
    known = UNKNOWN_TO_MOTO.get(json.dumps(value))
    return {name: for_moto(inner) for name, inner in value.items()} if known is None else known


@dataclass(frozen=True)
class Created:
    """A stack that stands, and the same one as the template describes it."""

    described: Stack
    physical: dict[str, str]
    status: str
    outputs: dict[str, str]

    def comes_in(self, group: str) -> list[tuple[int, str]]:
        """What a security group lets in: port, and from which other group."""
        groups = boto3.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return [
            (rule["FromPort"], pair["GroupId"])
            for rule in groups[0]["IpPermissions"]
            for pair in rule["UserIdGroupPairs"]
        ]

    def goes_out(self, name: str) -> set[tuple[int, str]]:
        """What it lets out: port and where to. moto leaves these rules away."""
        return {
            (int(rule["FromPort"]), self._where(rule))
            for rule in self.described[name]["SecurityGroupEgress"]
        }

    def _where(self, rule: dict[str, Any]) -> str:
        sides = "DestinationSecurityGroupId", "CidrIp", "CidrIpv6"
        (side,) = (rule[side] for side in sides if side in rule)
        return self.physical[side["Ref"]] if isinstance(side, dict) else str(side)


def existing(options: dict[str, str]) -> dict[str, str]:
    """What the options say is there already, made."""
    if options.get("VpcId") != NETWORK["VpcId"]:  # none, or one that is there
        return {}
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{'ab'[n]}"
        )["Subnet"]["SubnetId"]
        for n in range(2)
    ]
    made = {"VpcId": vpc, "SubnetIds": ",".join(subnets)}
    if options.get("DatabaseSecurityGroupId") == SECURITY_GROUP:
        group = ec2.create_security_group(GroupName="db", Description="db", VpcId=vpc)
        made["DatabaseSecurityGroupId"] = group["GroupId"]
    return made


def upload_code() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("code.py", "")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=archive.getvalue())


@contextmanager
def created_from(
    given: dict[str, str], template: dict[str, Any], name: str = STACK
) -> Iterator[Created]:
    """A stack in the emulator that is there already."""
    options = given | existing(given)
    emulated = for_moto(template)
    emulated["Resources"].pop("Schema", None)
    client = boto3.client("cloudformation")
    client.create_stack(
        StackName=name,
        TemplateBody=json.dumps(emulated),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in options.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    resources = client.describe_stack_resources(StackName=name)["StackResources"]
    yield Created(
        Stack(options, template),
        {
            one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
            for one in resources
            if "LogicalResourceId" in one  # moto lists what it skipped, too
        },
        stack["StackStatus"],
        {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]},
    )


@contextmanager
def emulator() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        upload_code()
        yield


def whole(created: Created) -> bool:
    """Everything that moto knows was made."""
    known = {
        name
        for name, resource in created.described.resources.items()
        if resource["Type"] not in KINDS_UNKNOWN_TO_MOTO
    }
    return created.status == "CREATE_COMPLETE" and created.physical.keys() >= known
