"""The combinations of options that the template supports, each with what it makes."""

from __future__ import annotations

from dataclasses import dataclass, field

ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:ingest-AbCdEf"
ADMIN_SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:admin-AbCdEf"
KMS_KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"
INSTANCE_ID = "i-0123456789abcdef0"
SECURITY_GROUP = "sg-0123456789abcdef0"

NETWORK = {"VpcId": "vpc-0123456789abcdef0", "SubnetIds": "subnet-01234567,subnet-89abcdef"}
NEW_NETWORK = {"CreateNetwork": "true", "CreateDatabase": "true"}
HOST = {
    "DatabaseHost": "metrics.abc123.eu-central-1.rds.amazonaws.com",
    "DatabaseSecurityGroupId": SECURITY_GROUP,
}
ADMIN = {"DatabaseAdminSecretArn": ADMIN_SECRET}
IAM = {"DatabaseResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

ALWAYS = {
    "IngestFunction", "IngestFunctionEventInvokeConfig", "IngestFunctionSchedule",
    "IngestLogGroup", "IngestRole", "DependencyLayer", "ScheduleRole",
    "UndeliveredQueue", "FailedEventsQueue", "QueuePolicy", "FunctionSecurityGroup",
    "StaleAlarm", "FailedEventsAlarm", "UndeliveredAlarm", "ErrorsAlarm", "ThrottlesAlarm",
    "DurationAlarm", "Dashboard",
}  # fmt: skip
MIGRATIONS = {
    "MigrateFunction", "MigrateFunctionVersion", "MigrateFunctionAliaslive", "MigrateLogGroup",
    "MigrateRole", "MigrationLayer", "SchemaResourceFunction", "SchemaResourceLogGroup",
    "SchemaResourceRole", "Schema",
}  # fmt: skip
NEW_VPC = {"Vpc", "SubnetA", "SubnetB", "RouteTable", "RoutesOfSubnetA", "RoutesOfSubnetB"}
IPV6 = {"Ipv6Range", "Ipv6Gateway", "Ipv6Route"}
ENDPOINTS = {
    "MonitoringEndpoint", "ParametersEndpoint", "EndpointSecurityGroup", "EndpointsAdmitFunction",
}  # fmt: skip
DATABASE = {
    "Database", "DatabaseParameters", "DatabaseSubnets", "DatabaseLogGroup",
    "DatabaseSecurityGroup", "DatabaseAdmitsFunction",
}  # fmt: skip
PROXY = {
    "Proxy", "ProxyTarget", "ProxyRole", "ProxySecurityGroup", "ProxyAdmitsFunction",
    "DatabaseAdmitsProxy",
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
    "existing database by token, existing way out": Combination(
        {"InstanceIds": INSTANCE_ID, **NETWORK, **HOST, **ADMIN, **IAM},
        {"InstanceIdsParameter", "ExistingDatabaseAdmitsFunction"} | MIGRATIONS,
    ),
    "existing database by secret, endpoints, an alarm by mail": Combination(
        {
            "InstanceIdsParameterName": "/fleet/ids",
            **NETWORK,
            **HOST,
            **ADMIN,
            "Egress": "endpoints",
            "RuntimeAuth": "secret",
            "AlarmEmail": "oncall@example.com",
        },
        {"ExistingDatabaseAdmitsFunction", "RuntimeSecret", "SecretsEndpoint"}
        | {"AlarmTopic", "AlarmKey"}
        | ENDPOINTS
        | MIGRATIONS,
    ),
    "existing database elsewhere, migrated by hand, its secret under an own key": Combination(
        {
            "InstanceIdsParameterPath": "/fleet/",
            **NETWORK,
            "DatabaseHost": "metrics.example.com",
            "DatabaseCidr": "10.1.2.0/24",
            "DatabaseCertificates": "public",
            "RuntimeAuth": "secret",
            "RuntimeSecretArn": SECRET,
            "SecretsKmsKeyArn": KMS_KEY,
            "RunMigrations": "false",
            "Tracing": "Active",
            "CloudWatchApi": "metric-data",
            "AlarmTopicArn": f"arn:aws:sns:eu-central-1:{ACCOUNT}:oncall",
        },
    ),
    "existing database by token, migrated by hand, endpoints": Combination(
        {
            "InstanceIdsParameterName": "ids",
            **NETWORK,
            **HOST,
            **IAM,
            "Egress": "endpoints",
            "RunMigrations": "false",
            "CloudWatchApi": "metric-statistics",
        },
        {"ExistingDatabaseAdmitsFunction"} | ENDPOINTS,
    ),
    "many accounts and Regions": Combination(
        {
            "FanOut": "true",
            "TargetsParameterPath": "/fan-out/targets/",
            **NETWORK,
            **HOST,
            **ADMIN,
            **IAM,
        },
        {"ExistingDatabaseAdmitsFunction"} | FAN_OUT | MIGRATIONS,
    ),
    "new database in an existing dual-stack network": Combination(
        {
            "InstanceIds": INSTANCE_ID,
            **NETWORK,
            "CreateDatabase": "true",
            "Egress": "ipv6",
            "RetentionMonths": "24",
            "ReserveConcurrency": "false",
        },
        {"InstanceIdsParameter"} | DATABASE | MIGRATIONS,
    ),
    "from nothing, endpoints": Combination(
        {"InstanceIds": INSTANCE_ID, **NEW_NETWORK, "Egress": "endpoints"},
        {"InstanceIdsParameter", "SecretsEndpoint"} | NEW_VPC | ENDPOINTS | DATABASE | MIGRATIONS,
    ),
    "from nothing, IPv6, a proxy by secret": Combination(
        {
            "InstanceIds": INSTANCE_ID,
            **NEW_NETWORK,
            "Egress": "ipv6",
            "CreateProxy": "true",
            "RuntimeAuth": "secret",
        },
        {"InstanceIdsParameter", "RuntimeSecret"} | NEW_VPC | IPV6 | DATABASE | PROXY | MIGRATIONS,
    ),
    "from nothing, endpoints, a proxy by token, migrated by hand": Combination(
        {
            "InstanceIds": INSTANCE_ID,
            **NEW_NETWORK,
            "Egress": "endpoints",
            "CreateProxy": "true",
            "RunMigrations": "false",
            "DatapointsPerSecond": "90000",
        },
        {"InstanceIdsParameter"} | NEW_VPC | ENDPOINTS | DATABASE | PROXY,
    ),
}
