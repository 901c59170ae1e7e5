"""What each EC2 instance type has: DescribeInstanceTypes. Asked rarely, for all types at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ingest_fn.aws.clients import Clients
from ingest_fn.discovery.pages import pages
from ingest_fn.pipeline.machine import MachineType, burst_baseline_percent

ACTION = "ec2:DescribeInstanceTypes"
PAGE = 100
"""The most that DescribeInstanceTypes returns at once (its API reference)."""


def describe_types(
    clients: Clients, *, time_left: Callable[[], float] = lambda: math.inf
) -> list[MachineType]:
    """Every type of the Region of ``clients``. Raises AccessDeniedError and AwsError."""
    request = {"PaginationConfig": {"PageSize": PAGE}}
    found = pages(clients.make("ec2"), "describe_instance_types", ACTION, time_left, **request)
    return [type_of(one) for page in found for one in page.get("InstanceTypes") or ()]


def type_of(one: Mapping[str, Any]) -> MachineType:
    """A type as an answer of DescribeInstanceTypes has it."""
    name, vcpus = one["InstanceType"], one["VCpuInfo"]["DefaultVCpus"]
    architectures = one["ProcessorInfo"]["SupportedArchitectures"]
    cards = one.get("NetworkInfo", {}).get("NetworkCards", ())
    network = [card.get("BaselineBandwidthInGbps") for card in cards]
    ebs = one.get("EbsInfo", {}).get("EbsOptimizedInfo", {})
    return MachineType(
        instance_type=name,
        vcpus=vcpus,
        memory_mib=one["MemoryInfo"]["SizeInMiB"],
        architecture="x86_64" if "x86_64" in architectures else architectures[0],
        gpus=_accelerators(one),
        instance_storage_gib=one.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        burst_baseline_percent=(
            burst_baseline_percent(name, vcpus)
            if one.get("BurstablePerformanceSupported")
            else None
        ),
        network_baseline_mbps=(
            round(sum(network) * 1_000, 3) if network and None not in network else None
        ),
        ebs_baseline_mbps=ebs.get("BaselineBandwidthInMbps"),
        ebs_maximum_mbps=ebs.get("MaximumBandwidthInMbps"),
        hypervisor=one.get("Hypervisor"),
    )


def _accelerators(one: Mapping[str, Any]) -> int:
    lists = (
        one.get("GpuInfo", {}).get("Gpus", ()),
        one.get("InferenceAcceleratorInfo", {}).get("Accelerators", ()),
        one.get("NeuronInfo", {}).get("NeuronDevices", ()),
        one.get("FpgaInfo", {}).get("Fpgas", ()),
    )
    # Inferentia is listed both as an accelerator and as a Neuron device.
    counts = [sum(device.get("Count") or 0 for device in devices) for devices in lists]
    return counts[0] + max(counts[1], counts[2]) + counts[3]
