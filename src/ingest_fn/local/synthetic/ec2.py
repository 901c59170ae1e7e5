"""A synthetic fleet in the emulator's EC2, under the ids, times and states that it has.

moto makes ids and times of its own, so its objects are changed where they live: in this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.models.instances import Instance, InstanceState

from ingest_fn.local.synthetic.fleet import Machine
from ingest_fn.local.synthetic.history import described
from ingest_fn.pipeline.machine import Machine as Described
from ingest_fn.pipeline.model import utc

ACCOUNT_ID = "123456789012"
"""The account that moto takes a caller without a role to be in."""

_MAKING: Any = import_module("moto.ec2.models.instances")
_STATES = {"running": 16, "stopped": 80, "terminated": 48}


def launch(
    fleet: Sequence[Machine], at: datetime, region: str, account_id: str = ACCOUNT_ID
) -> None:
    """Let the emulator's EC2 show ``fleet`` as it is at ``at``, and nothing of what it had."""
    time = int(at.timestamp())
    show([one for m in fleet if (one := described(m, time)) is not None], region, account_id)


def show(machines: Sequence[Described], region: str, account_id: str = ACCOUNT_ID) -> None:
    """Let the emulator's EC2 show exactly ``machines``."""
    _make_region(region)
    backend = ec2_backends[account_id][region]
    known = {one.id: one for owner in backend.reservations.values() for one in owner.instances}
    wanted = {one.instance_id for one in machines}
    for key, reservation in [*backend.reservations.items()]:
        reservation.instances = [one for one in reservation.instances if one.id in wanted]
        if not reservation.instances:
            del backend.reservations[key]
    for machine in machines:
        instance = known.get(machine.instance_id) or _launched(backend, machine, region)
        _alike(instance, machine)


def _launched(backend: EC2Backend, machine: Described, region: str) -> Instance:
    with _next_id(machine.instance_id):
        reservation = backend.run_instances(
            image_id=machine.image_id or "ami-12345678",
            count=1,
            user_data=None,
            security_group_names=[],
            instance_type=machine.instance_type,
            is_instance_type_default=False,
            region_name=region,
            placement=machine.availability_zone if _is_real(region) else None,
            tags={"instance": dict(machine.tags)},
            lifecycle=None if machine.lifecycle == "on-demand" else machine.lifecycle,
        )
    (instance,) = reservation.instances
    return instance


def _is_real(region: str) -> bool:
    """Whether moto knows which types the Region's zones offer. Of a made-up one it does not."""
    return region in INSTANCE_TYPE_OFFERINGS["availability-zone"]


def _make_region(region: str) -> None:
    """Give a made-up Region the zones that moto needs for its default network."""
    RegionsAndZonesBackend.zones.setdefault(
        region, [Zone(f"{region}{letter}", region, f"local-az{letter}") for letter in "abc"]
    )


@contextmanager
def _next_id(instance_id: str) -> Iterator[None]:
    own = _MAKING.random_instance_id
    _MAKING.random_instance_id = lambda: instance_id
    try:
        yield
    finally:
        _MAKING.random_instance_id = own


def _alike(instance: Instance, machine: Described) -> None:
    instance.instance_type = machine.instance_type
    instance.architecture = machine.architecture or "x86_64"
    instance.launch_time = utc(machine.started_at)
    instance._state = InstanceState(machine.state, _STATES[machine.state])  # noqa: SLF001
    instance._reason = (  # noqa: SLF001  moto has no way to set a state with its time
        ""
        if machine.state_since is None
        else f"User initiated ({utc(machine.state_since):%Y-%m-%d %H:%M:%S} GMT)"
    )
    launched = utc(machine.launched_at)
    for interface in instance.nics.values():
        interface.attach_time = launched
        if machine.host:
            interface.private_ip_address = machine.host.removeprefix("ip-").replace("-", ".")
    for volume in instance.block_device_mapping.values():
        volume.attach_time = launched
    if instance.get_tags() != [{"key": key, "value": tag} for key, tag in machine.tags.items()]:
        backend = instance.ec2_backend
        backend.delete_tags([instance.id], {tag["key"]: None for tag in instance.get_tags()})
        instance.add_tags(dict(machine.tags))
