"""The combinations of options that the templates support.

``COMBINATIONS`` are some of template.yaml with a name, each with what it makes, for tests that
create a stack or run the code. ``every_combination`` are all choices that make or leave out a
resource; what only changes a value takes turns in them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:ingest-AbCdEf"
ADMIN_SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:admin-AbCdEf"
KMS_KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"
TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:oncall"
INSTANCE_ID = "i-0123456789abcdef0"
SECURITY_GROUP = "sg-0123456789abcdef0"

NETWORK = {"VpcId": "vpc-0123456789abcdef0", "SubnetIds": "subnet-01234567,subnet-89abcdef"}
HOST = {
    "DatabaseHost": "metrics.abc123.eu-central-1.rds.amazonaws.com",
    "DatabaseSecurityGroupId": SECURITY_GROUP,
}
ADMIN = {"DatabaseAdminSecretArn": ADMIN_SECRET}
IAM = {"DatabaseResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
BY_HAND = {"RunMigrations": "false"}
OWN_SECRET = {"RuntimeAuth": "secret"}
GIVEN_SECRET = OWN_SECRET | {"RuntimeSecretArn": SECRET}
ELSEWHERE = {"DatabaseHost": "metrics.example.com", "DatabaseCidr": "10.1.2.0/24"}
TARGETS = {"TargetsParameterPath": "/fan-out/targets/"}
KEY = {"SecretsKmsKeyArn": KMS_KEY}

ALWAYS = {
    "IngestFunction", "IngestFunctionEventInvokeConfig", "IngestFunctionSchedule",
    "IngestLogGroup", "IngestRole", "DependencyLayer", "ScheduleRole", "Ready",
    "UndeliveredQueue", "FailedEventsQueue", "QueuePolicy", "FunctionSecurityGroup",
    "StaleAlarm", "NoCompleteRunAlarm", "FirstRunAlarm", "FailedEventsAlarm", "UndeliveredAlarm",
    "ErrorsAlarm", "ThrottlesAlarm", "DurationAlarm", "Dashboard",
}  # fmt: skip
MIGRATIONS = {
    "MigrateFunction", "MigrateFunctionVersion", "MigrateFunctionAliaslive", "MigrateLogGroup",
    "MigrateRole", "MigrationLayer", "MigrationResult", "SchemaResourceFunction",
    "SchemaResourceLogGroup", "SchemaResourceRole", "Schema",
}  # fmt: skip
FAN_OUT = {
    "PlanFunction", "SummaryFunction", "FanOutMachine", "FanOutMachineSchedule", "FanOutLogGroup",
    "FanOutRole", "FanOutAlarm",
}  # fmt: skip


@dataclass(frozen=True)
class Combination:
    """Parameters, and the resources that they make besides those that every stack has."""

    options: dict[str, str]
    makes: set[str] = field(default_factory=set)


COMBINATIONS = {
    "all but one, a login by token": Combination(
        {
            "Instances": f"all,!{INSTANCE_ID}",
            "DiscoverInstances": "true",
            **NETWORK,
            **HOST,
            **ADMIN,
            **IAM,
        },
        {"InstancesParameter", "DatabaseAdmitsFunction"} | MIGRATIONS,
    ),
    "ids, a login by token": Combination(
        {"Instances": INSTANCE_ID, **NETWORK, **HOST, **ADMIN, **IAM},
        {"InstancesParameter", "DatabaseAdmitsFunction"} | MIGRATIONS,
    ),
    "a parameter, a login by the stack's own secret, an alarm by mail": Combination(
        {
            "InstancesParameterName": "/fleet/ids",
            **NETWORK,
            **HOST,
            **ADMIN,
            **OWN_SECRET,
            "AlarmEmail": "oncall@example.com",
            "DatapointsPerSecond": "90000",
            "RetentionMonths": "24",
        },
        {"DatabaseAdmitsFunction", "RuntimeSecret", "AlarmTopic", "AlarmKey"} | MIGRATIONS,
    ),
    "a path, a database elsewhere, migrated by hand, its secret under an own key": Combination(
        {
            "InstancesParameterPath": "/fleet/",
            **NETWORK,
            **ELSEWHERE,
            **GIVEN_SECRET,
            **KEY,
            **BY_HAND,
            "DatabaseCertificates": "public",
            "Tracing": "Active",
            "CloudWatchApi": "metric-data",
            "AlarmTopicArn": TOPIC,
        },
    ),
    "a parameter, a login by token, migrated by hand, over IPv6, disabled": Combination(
        {
            "InstancesParameterName": "ids",
            **NETWORK,
            **HOST,
            **IAM,
            **BY_HAND,
            "UseIpv6": "true",
            "CloudWatchApi": "metric-statistics",
            "ScheduleState": "DISABLED",
        },
        {"DatabaseAdmitsFunction"},
    ),
    "many accounts and Regions": Combination(
        {**TARGETS, **NETWORK, **HOST, **ADMIN, **IAM},
        {"DatabaseAdmitsFunction"} | FAN_OUT | MIGRATIONS,
    ),
    "many accounts, an own parameter, secrets under an own key, own name servers": Combination(
        {
            **TARGETS,
            "InstancesParameterName": "/fleet/ids",
            **NETWORK,
            **ELSEWHERE,
            **ADMIN,
            **GIVEN_SECRET,
            **KEY,
            "DnsCidr": "10.0.0.0/28",
            "Tracing": "Active",
            "Schedule": "daily",
        },
        FAN_OUT | MIGRATIONS,
    ),
}

_SOURCES = [
    {"Instances": INSTANCE_ID},
    {"InstancesParameterName": "/fleet/ids"},
    {"InstancesParameterPath": "/fleet/"},
    TARGETS,
    TARGETS | {"Instances": INSTANCE_ID},
    TARGETS | {"InstancesParameterName": "ids"},
    TARGETS | {"InstancesParameterPath": "/fleet/"},
]
_DATABASES = [HOST, ELSEWHERE]
_LOGINS = [
    ADMIN | IAM,
    ADMIN | IAM | KEY,
    IAM | BY_HAND,
    ADMIN | OWN_SECRET,
    ADMIN | OWN_SECRET | KEY,
    ADMIN | GIVEN_SECRET,
    ADMIN | GIVEN_SECRET | KEY,
    GIVEN_SECRET | BY_HAND,
    GIVEN_SECRET | BY_HAND | KEY,
]
_ALARMS = [{}, {"AlarmTopicArn": TOPIC}, {"AlarmEmail": "oncall@example.com"}]

VALUES = {
    "Schedule": [
        *("hourly", "every-2-hours", "every-3-hours"),
        *("every-6-hours", "every-12-hours", "daily"),
    ],
    "ScheduleState": ["ENABLED", "DISABLED"],
    "CloudWatchApi": ["auto", "metric-data", "metric-statistics"],
    "DiscoverInstances": ["false", "true"],
    "UseIpv6": ["false", "true"],
    "DnsCidr": ["", "10.0.0.0/28"],
    "DatabaseCertificates": ["rds", "public"],
    "DatapointsPerSecond": ["", "90000"],
    "RetentionMonths": ["0", "24"],
    "Tracing": ["PassThrough", "Active"],
    "PermissionsBoundaryArn": ["", f"arn:aws:iam::{ACCOUNT}:policy/bound"],
    "Architecture": ["arm64", "x86_64"],
}  # fmt: skip
"""Options that change a value or a statement and make no resource."""


def every_combination() -> Iterator[dict[str, str]]:
    """Each choice of resources; every value comes with every choice of the one before it."""
    choices = itertools.product(_SOURCES, _DATABASES, _LOGINS, _ALARMS)
    for number, parts in enumerate(choices):
        options = dict(NETWORK)
        for part in parts:
            options |= part
        step = number
        for name, values in VALUES.items():
            options[name] = values[step % len(values)]
            step = step // 2 + number // 7
        yield options


DATABASE_COMBINATIONS: dict[str, dict[str, str]] = {
    "a new network, endpoints": {},
    "a new network, endpoints, zones by name": {"AvailabilityZones": "eu-central-1b,eu-central-1c"},
    "a new network, endpoints, one for EC2": {"DiscoverInstances": "true"},
    "a new network, IPv6": {"Egress": "ipv6"},
    "an existing network": {**NETWORK, "Egress": "existing"},
    "an existing dual-stack network": {**NETWORK, "Egress": "ipv6"},
}
