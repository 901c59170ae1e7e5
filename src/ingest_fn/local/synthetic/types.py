"""EC2's instance types without EC2: the emulator ships what DescribeInstanceTypes answers."""

from __future__ import annotations

import json
from gzip import decompress
from importlib.resources import files

from ingest_fn.discovery.types import type_of
from ingest_fn.pipeline.machine import MachineType


def synthetic_types() -> list[MachineType]:
    """Every instance type that the emulator knows, in a tenth of the time that a call takes."""
    packed = (files("moto.ec2") / "resources" / "instance_types.json.gz").read_bytes()
    return [type_of(one) for one in json.loads(decompress(packed)).values()]
