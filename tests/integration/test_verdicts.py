"""The rules of ``verdicts``, one by one, on machines made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.machines import END, HOUR, Machines

DAY = timedelta(days=1)
EXPLAINED = ("not_applicable", "insufficient_data")


@pytest.fixture
def fleet(database_url: str) -> Iterator[Machines]:
    machines = Machines(database_url)
    yield machines
    machines.connection.close()


def test_idle_is_a_low_peak_and_little_network(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 1, peak=4.9, mb_per_day=4.9)
    found = fleet.verdict(one)
    assert found["verdict"] == "idle"
    assert found["reason"] == (
        "In 336 hours since 2026-11-09 00:00 UTC, CPU never rose above 4.9 % and the network "
        "carried 4.9 MB per day: below 5 % and 5 MB."
    )
    assert found["saving_usd_per_month"] == Decimal("71.39")  # 730 h at 0.0978
    assert found["saving_note"] == "List price, before reservations and Savings Plans."
    assert found["confidence"] == Decimal("0.80")  # memory is unknown
    assert (found["hours_expected"], found["hours_observed"]) == (336, 336)
    assert found["trusted_advisor_low_use"] is True


@pytest.mark.parametrize(
    ("hours", "verdict"),
    [
        ({"peak": 5.0}, "fine"),
        ({"mb_per_day": 5.0}, "fine"),
        ({"mb_per_day": None}, "fine"),
        ({"peak": 0.0, "cpu": 0.0, "mb_per_day": 0.0}, "idle"),
        ({"memory": 30.0}, "idle"),
        ({"cpu": None, "peak": None}, "insufficient_data"),
    ],
)
def test_on_the_edge_of_idle(fleet: Machines, hours: dict[str, Any], verdict: str) -> None:
    """Below is below; zero is data; what is missing is never little."""
    one = fleet.add()
    fleet.hours(one, **({"cpu": 1.0, "peak": 4.0, "mb_per_day": 1.0} | hours))
    assert fleet.verdict(one)["verdict"] == verdict


def test_one_hour_of_work_a_fortnight_is_not_idle(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 1, peak=2, mb_per_day=1)
    fleet.hours(one, 60, peak=100, mb_per_day=1, hours=[-100])
    assert fleet.verdict(one)["verdict"] == "fine"


def test_a_real_is_compared_as_it_is_written(fleet: Machines) -> None:
    """0.7 as real is 0.699999988; a machine at 0.7 is not below 0.7."""
    one = fleet.add()
    fleet.hours(one, 0.7, mb_per_day=1)
    assert fleet.verdict(one, idle_cpu_percent=Decimal("0.7"))["verdict"] == "fine"
    assert fleet.verdict(one, idle_cpu_percent=Decimal("0.71"))["verdict"] == "idle"
    assert fleet.verdict(one)["cpu_p995"] == Decimal("0.7")
    hot = fleet.add()
    fleet.hours(hot, 50, peak=80.1)
    assert fleet.verdict(hot, undersized_percent=Decimal("80.1"))["verdict"] == "fine"
    assert fleet.verdict(hot, undersized_percent=Decimal("80.09"))["verdict"] == "undersized"


def test_without_metadata_it_is_idle_without_a_price(fleet: Machines) -> None:
    one = fleet.add(None, launched=None)
    fleet.hours(one, 1, mb_per_day=1)
    found = fleet.verdict(one)
    assert (found["verdict"], found["instance_type"]) == ("idle", None)
    assert found["saving_usd_per_month"] is None
    assert found["saving_note"] == "No saving is stated, because the instance type is not known."
    assert found["price_usd_per_hour"] is None


def test_without_a_price_no_saving_is_stated(fleet: Machines) -> None:
    one = fleet.add(region="us-east-1")
    fleet.hours(one, 1, mb_per_day=1)
    found = fleet.verdict(one)
    assert (found["verdict"], found["saving_usd_per_month"]) == ("idle", None)
    assert found["saving_note"] == (
        "No saving is stated, because no price of m7g.large (Linux, us-east-1) is known: "
        "run prices."
    )


@pytest.mark.parametrize(
    ("hours", "reason"),
    [
        (range(-336, -34), "CPU is known for 302 of the 336 hours"),
        (range(-29, 0), "CPU is known for 29 of the 336 hours"),
        ((), "CPU is known for 0 of the 336 hours"),
    ],
)
def test_too_few_hours_give_no_verdict(fleet: Machines, hours: range, reason: str) -> None:
    one = fleet.add()
    fleet.hours(one, 1, mb_per_day=1, hours=hours)
    found = fleet.verdict(one)
    assert found["verdict"] == "insufficient_data"
    assert found["reason"].startswith(reason)
    assert found["saving_usd_per_month"] is None


def test_nine_tenths_of_the_hours_are_enough(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 1, mb_per_day=1, hours=range(-336, -33))
    found = fleet.verdict(one)
    assert found["verdict"] == "idle"
    assert found["confidence"] == Decimal("0.72")  # 303 / 336 × 0.8


def test_a_day_can_be_asked_for(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 1, mb_per_day=1, hours=range(-22, 0))
    assert fleet.verdict(one, days=1)["verdict"] == "idle"
    two = fleet.add()
    fleet.hours(two, 1, mb_per_day=1, hours=range(-21, 0))
    assert fleet.verdict(two, days=1)["verdict"] == "insufficient_data"


def test_any_time_in_the_past_can_be_asked_for(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 1, mb_per_day=1, hours=range(-1000, -500))
    fleet.hours(one, 50, hours=range(-500, 0))
    assert fleet.verdict(one)["verdict"] == "fine"
    assert fleet.verdict(one, END - 500 * HOUR)["verdict"] == "idle"
    assert fleet.verdict(one, END - 500 * HOUR + timedelta(minutes=59))["verdict"] == "idle"


def test_a_maximum_that_is_unknown_gives_no_verdict(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 1, mb_per_day=1)
    fleet.run("UPDATE metrics SET cpu_utilization_max = NULL")
    assert fleet.verdict(one)["verdict"] == "insufficient_data"


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        ({"instance_type": "g5.xlarge"}, "g5.xlarge has GPUs"),
        ({"instance_type": "p4d.24xlarge"}, "p4d.24xlarge has GPUs"),
        ({"lifecycle": "spot"}, "It is a Spot instance"),
        (
            {"tags": {"aws:autoscaling:groupName": "web"}},
            "It belongs to the Auto Scaling group web",
        ),
        ({"launched": END - 2 * DAY}, "It was first launched at 2026-11-21 00:00 UTC"),
    ],
)
def test_who_is_not_judged(fleet: Machines, machine: dict[str, Any], reason: str) -> None:
    one = fleet.add(**machine)
    launched = machine.get("launched", END - 30 * DAY)
    fleet.hours(one, 1, mb_per_day=1, where=lambda hour: hour >= launched)
    found = fleet.verdict(one)
    assert found["verdict"] == "not_applicable"
    assert found["reason"].startswith(reason)
    assert found["saving_usd_per_month"] is None


def test_a_young_machine_says_when_it_will_be_judged(fleet: Machines) -> None:
    one = fleet.add(launched=END - 2 * DAY)
    fleet.hours(one, 1, mb_per_day=1, hours=range(-48, 0))
    assert "is judged from 2026-12-05 00:00 UTC" in fleet.verdict(one)["reason"]
    assert fleet.verdict(one, days=2)["verdict"] == "idle"


def test_the_first_launch_is_the_earliest_that_anything_knows(fleet: Machines) -> None:
    """EC2's LaunchTime moves with every start: metrics of before say that it is older."""
    one = fleet.add(launched=END - 2 * DAY)
    fleet.hours(one, 1, mb_per_day=1, hours=range(-400, 0))
    assert fleet.verdict(one)["verdict"] == "idle"
    gap = fleet.add(launched=END - 2 * DAY)
    fleet.hours(gap, 1, mb_per_day=1, hours=[*range(-400, -336), *range(-300, 0)])
    assert fleet.verdict(gap)["verdict"] == "insufficient_data"


def test_of_unknown_age_and_with_data_since_last_week_it_is_young(fleet: Machines) -> None:
    one = fleet.add(None, launched=None)
    fleet.hours(one, 1, mb_per_day=1, hours=range(-168, 0))
    assert fleet.verdict(one)["verdict"] == "not_applicable"
    gap = fleet.add(None, launched=None)
    fleet.hours(gap, 1, mb_per_day=1, hours=range(-335, 0))
    assert fleet.verdict(gap)["verdict"] == "idle"


def test_a_terminated_machine_has_no_row(fleet: Machines) -> None:
    one = fleet.add(state="terminated")
    fleet.hours(one, 1, mb_per_day=1)
    assert fleet.verdicts() == []
    two = fleet.add()
    fleet.hours(two, 1, mb_per_day=1)
    fleet.history(two, (END - 50 * DAY, "running", "m7g.large"), (END - DAY, "terminated", None))
    assert fleet.verdicts() == []
    assert len(fleet.verdicts(END - 2 * DAY)) == 1


def test_a_machine_that_did_not_exist_yet_has_no_row(fleet: Machines) -> None:
    fleet.add(launched=END - DAY)
    assert fleet.verdicts(END - 2 * DAY) == []
    assert len(fleet.verdicts()) == 1


def test_stopped_all_the_time_is_not_judged(fleet: Machines) -> None:
    one = fleet.add()
    fleet.history(one, (END - 90 * DAY, "running", "m7g.large"), (END - 20 * DAY, "stopped", None))
    found = fleet.verdict(one)
    assert found["verdict"] == "not_applicable"
    assert found["reason"] == (
        "It was stopped during all of the 14 days up to 2026-11-23 00:00 UTC."
    )
    assert found["state"] == "stopped"


def nights(fleet: Machines, id_: str, days: int = 20) -> None:
    """A history of running from 07:20 to 19:40, every day."""
    changes: list[tuple[datetime, str, str | None]] = [(END - 90 * DAY, "stopped", "m7g.large")]
    for day in range(-days, 0):
        changes.append((END + day * DAY + timedelta(hours=7, minutes=20), "running", "m7g.large"))
        changes.append((END + day * DAY + timedelta(hours=19, minutes=40), "stopped", "m7g.large"))
    fleet.history(id_, *changes)


def test_a_machine_stopped_at_night_is_judged_by_the_hours_it_ran(fleet: Machines) -> None:
    one = fleet.add()
    nights(fleet, one)
    fleet.hours(one, 1, mb_per_day=1, where=lambda hour: 7 <= hour.hour <= 19)
    found = fleet.verdict(one)
    # 08:00 to 19:00: the hours of the start and of the stop count neither way.
    assert (found["hours_expected"], found["hours_observed"]) == (14 * 11, 14 * 11)
    assert found["verdict"] == "idle"
    # A stopped machine saves nothing while it is stopped.
    assert found["saving_usd_per_month"] == Decimal("32.72")  # 71.394 × 154 / 336
    busy_start = fleet.add()
    nights(fleet, busy_start)
    fleet.hours(busy_start, 1, mb_per_day=1, where=lambda hour: 7 <= hour.hour <= 19)
    fleet.hours(busy_start, 90, where=lambda hour: hour.hour == 7)
    assert fleet.verdict(busy_start)["verdict"] == "idle"


def test_missing_hours_of_a_machine_stopped_at_night_are_missing(fleet: Machines) -> None:
    one = fleet.add()
    nights(fleet, one)
    fleet.hours(one, 1, mb_per_day=1, where=lambda hour: 10 <= hour.hour <= 18)
    found = fleet.verdict(one)
    assert (found["hours_expected"], found["hours_observed"]) == (154, 126)
    assert found["verdict"] == "insufficient_data"


def test_a_change_of_name_is_no_stop(fleet: Machines) -> None:
    one = fleet.add()
    half = timedelta(minutes=30)
    fleet.history(
        one,
        (END - 50 * DAY, "running", "m7g.large"),
        (END - 3 * DAY + half, "running", "m7g.large"),
    )
    fleet.hours(one, 1, mb_per_day=1)
    assert fleet.verdict(one)["hours_expected"] == 336


def test_the_analysis_starts_at_the_last_change_of_type(fleet: Machines) -> None:
    one = fleet.add("m7g.large")
    resized = END - 4 * DAY + timedelta(minutes=10)
    fleet.history(
        one,
        (END - 50 * DAY, "running", "m7g.4xlarge"),
        (resized - timedelta(minutes=30), "stopped", "m7g.4xlarge"),
        (resized, "running", "m7g.large"),
    )
    fleet.hours(one, 3, memory=5, mb_per_day=200, hours=range(-500, -96))
    fleet.hours(one, 60, memory=70, hours=range(-96, 0))
    found = fleet.verdict(one)
    assert found["since"] == resized
    assert (found["hours_expected"], found["hours_observed"]) == (95, 95)
    assert (found["verdict"], found["instance_type"]) == ("fine", "m7g.large")
    assert found["cpu_mean"] == 60
    before = fleet.verdict(one, resized - HOUR)
    assert (before["instance_type"], before["verdict"]) == ("m7g.4xlarge", "oversized")


def test_a_machine_resized_yesterday_has_too_few_hours(fleet: Machines) -> None:
    one = fleet.add("m7g.large")
    fleet.history(
        one, (END - 50 * DAY, "running", "m7g.xlarge"), (END - DAY, "running", "m7g.large")
    )
    fleet.hours(one, 1, mb_per_day=1)
    found = fleet.verdict(one)
    assert found["verdict"] == "insufficient_data"
    assert found["reason"] == (
        "CPU is known for 24 of the 24 hours that it ran since 2026-11-22 00:00 UTC; "
        "a verdict needs 30."
    )


def test_oversized_with_memory_known(fleet: Machines) -> None:
    one = fleet.add("m7g.4xlarge")
    fleet.hours(one, 4, peak=8, memory=10, mb_per_day=1000)
    found = fleet.verdict(one)
    assert found["verdict"] == "oversized"
    # 16 × 8 % × 1.2 = 1.54 vCPUs; 64 GiB × 10 % × 1.2 = 7.7 GiB.
    assert found["suggested_type"] == "m7g.large"
    assert found["suggested_types"] == ["m7g.large", "m7g.xlarge", "m7g.2xlarge"]
    assert found["saving_usd_per_month"] == Decimal("499.98")  # (0.7827 - 0.0978) × 730
    assert found["suggested_price_usd_per_hour"] == Decimal("0.0978")
    assert found["confidence"] == 1
    assert found["reason"] == (
        "P99.5 of CPU is 8 % and of memory 10 %: with 20 % to spare, m7g.large is large enough; "
        "its use of EBS is unknown."
    )


def test_without_an_agent_memory_may_not_shrink(fleet: Machines) -> None:
    one = fleet.add("m7g.4xlarge")
    fleet.hours(one, 4, peak=8)
    found = fleet.verdict(one)
    assert (found["verdict"], found["suggested_type"]) == ("oversized", "r7g.2xlarge")
    assert "memory is unknown" in found["reason"]
    assert "has at least the memory of today" in found["reason"]
    two = fleet.add("r7g.2xlarge")
    fleet.hours(two, 4, peak=8)
    found = fleet.verdict(two)
    assert found["verdict"] == "fine"
    assert found["reason"] == (
        "P99.5 of CPU is 8 % and memory is unknown: CPU would fit a cheaper type, but none has "
        "the 64 GiB of today."
    )


@pytest.mark.parametrize("broken", [0.0, None])
def test_an_agent_that_breaks_leaves_memory_unknown(fleet: Machines, broken: float | None) -> None:
    one = fleet.add("r7g.2xlarge")
    hours = range(-336, -200) if broken is None else ()
    fleet.hours(one, 4, peak=8, memory=broken)
    fleet.hours(one, 4, peak=8, memory=10, hours=hours)
    found = fleet.verdict(one)
    assert found["verdict"] == "fine"
    assert found["confidence"] == Decimal("0.80")
    assert "is known for" in found["reason"]


@pytest.mark.parametrize(
    ("cpu", "memory", "mb_per_day", "verdict"),
    [
        (41.0, 41.0, 100, "oversized"),  # 4 × 41 % × 1.2 = 1.97; 16 × 41 % × 1.2 = 7.9
        (42.0, 41.0, 100, "fine"),  # 2.02 vCPUs are too many for m7g.large; c7g.xlarge has 8 GiB
        (41.0, 42.0, 100, "fine"),
        (41.0, 41.0, 3e7, "fine"),
    ],
)
def test_headroom(
    fleet: Machines, cpu: float, memory: float, mb_per_day: float, verdict: str
) -> None:
    fleet.run("DELETE FROM instance_types WHERE instance_type NOT LIKE 'm7g.%'")
    one = fleet.add("m7g.xlarge")
    fleet.hours(one, cpu, memory=memory, mb_per_day=mb_per_day)
    assert fleet.verdict(one)["verdict"] == verdict


def test_two_hours_a_fortnight_count_and_one_does_not(fleet: Machines) -> None:
    """P99.5 of 336 hours lies between the second and the third largest."""
    values = []
    for peaks in (1, 2, 3):
        one = fleet.add("m7g.xlarge")
        fleet.hours(one, 10, memory=20)
        fleet.hours(one, 40, peak=100, memory=20, hours=range(-100, -100 + peaks))
        found = fleet.verdict(one)
        values.append((found["cpu_p995"], found["verdict"]))
    assert values == [
        (Decimal(10), "oversized"),
        (Decimal("39.25"), "oversized"),  # 10 + 0.325 × 90
        (Decimal(100), "undersized"),
    ]


def test_p995_is_what_percentile_cont_says(fleet: Machines) -> None:
    for number in range(30):
        one = fleet.add(None, launched=END - 90 * DAY)
        for hour in range(-336 + number * 10, 0):
            value = (hash((number, hour)) % 1000) / 10
            fleet.hours(one, value, memory=value / 2 or None, hours=[hour])
    differing = fleet.run(
        "SELECT used.instance_id, cpu_p995, cpu, memory_p995, memory "
        "FROM utilization(%s) AS used JOIN ("
        " SELECT instance_id,"
        " percentile_cont(0.995) WITHIN GROUP (ORDER BY cpu_utilization_max) AS cpu,"
        " percentile_cont(0.995) WITHIN GROUP (ORDER BY memory_utilization) AS memory"
        " FROM hourly GROUP BY 1) AS plain ON plain.instance_id = used.instance_id "
        "WHERE abs(cpu_p995 - cpu::numeric) > 0.001 OR abs(memory_p995 - memory::numeric) > 0.001",
        END,
    )
    assert differing == []


def test_a_peak_of_network_keeps_a_machine_large(fleet: Machines) -> None:
    fleet.run("DELETE FROM instance_types WHERE instance_type NOT LIKE 'm7g.%'")
    one = fleet.add("m7g.xlarge")
    fleet.hours(one, 10, memory=20)
    fleet.hours(one, 10, memory=20, mb_per_day=2 * 24 * 400_000, hours=[-50])  # 889 Mbit/s each way
    found = fleet.verdict(one)
    assert found["verdict"] == "fine"
    assert found["reason"].endswith(
        "CPU and memory would fit a cheaper type, but not what the network (888.9 Mbit/s) and EBS "
        "(unknown Mbit/s) carried at most."
    )


def test_what_a_suggestion_keeps(fleet: Machines) -> None:
    """Architecture, burst model and instance store: cheaper types without them do not count."""
    one = fleet.add("r7g.xlarge")
    fleet.hours(one, 4, memory=40)
    assert fleet.verdict(one)["suggested_types"] == ["r7g.large", "m7g.xlarge"]
    stored = fleet.add("r7gd.large")
    fleet.hours(stored, 4, memory=5)
    assert fleet.verdict(stored)["verdict"] == "fine"


def test_undersized_by_cpu_and_by_memory(fleet: Machines) -> None:
    hot, full = fleet.add(), fleet.add()
    fleet.hours(hot, 50, peak=81)
    fleet.hours(full, 10, memory=81)
    found = fleet.verdict(hot)
    assert found["verdict"] == "undersized"
    assert found["reason"] == "P99.5 of the hourly CPU maxima is 81 %, above 80 %."
    assert found["suggested_type"] == "m7g.xlarge"
    assert found["saving_usd_per_month"] is None
    assert found["saving_note"].startswith("m7g.xlarge costs 71.47 USD a month more")
    assert fleet.verdict(full)["reason"] == "P99.5 of memory is 81 %, above 80 %."


@pytest.mark.parametrize(
    ("instance_type", "cpu", "limits", "verdict"),
    [
        ("t4g.small", 20.0, (100, None), "fine"),  # at the baseline of 20 %
        ("t4g.small", 20.1, (30, None), "undersized"),
        ("t4g.xlarge", 16.6, (40, 10), "fine"),  # large: 33.2 % × 1.2 is above its 30 %
        ("t4g.xlarge", 12.0, (40, 10), "oversized"),  # large: 24 % × 1.2 = 28.8 %
        ("t4g.xlarge", 12.0, (45, 10), "fine"),  # P99.5 × 1.2 = 2.2 vCPUs
    ],
)
def test_burstable_types_are_held_against_their_baseline(
    fleet: Machines,
    instance_type: str,
    cpu: float,
    limits: tuple[float, float | None],
    verdict: str,
) -> None:
    peak, memory = limits
    one = fleet.add(instance_type)
    fleet.hours(one, cpu, peak=peak, memory=memory)
    found = fleet.verdict(one)
    assert found["verdict"] == verdict
    if verdict == "undersized":
        assert "above the baseline of 20 %" in found["reason"]
        assert found["suggested_type"] == "t4g.large"


def test_further_metrics_are_used_where_they_are_collected(fleet: Machines) -> None:
    full, bound, charged, broken = (
        fleet.add("m7g.xlarge"),
        fleet.add("m7g.xlarge"),
        fleet.add("t4g.small"),
        fleet.add(),
    )
    fleet.run("DELETE FROM instance_types WHERE instance_type !~ 'm7g|t4g'")
    fleet.run("UPDATE instance_types SET ebs_baseline_mbps = 630")
    for one in (full, bound):
        fleet.hours(one, 10, memory=20)
    fleet.hours(charged, 10)
    fleet.hours(broken, 0, mb_per_day=0)
    changed = "UPDATE metrics SET {} WHERE instance_id = (SELECT id FROM instances WHERE "
    for one, columns in (
        (full, "memory_utilization_max = 90"),
        (bound, "ebs_read_bytes_max = 1e10, ebs_write_bytes_max = 1e10"),  # 533 Mbit/s
        (charged, "cpu_surplus_credits_charged = 0.5"),
        (broken, "status_check_failed = 1"),
    ):
        fleet.run(changed.format(columns) + "instance_id = %s)", one)
    found = [fleet.verdict(one) for one in (full, bound, charged, broken)]
    assert [row["verdict"] for row in found] == ["undersized", "fine", "undersized", "idle"]
    assert "EBS (533.3 Mbit/s) carried at most" in found[1]["reason"]
    assert found[2]["reason"].startswith("It was charged for 168 surplus CPU credits")
    assert "a status check failed in 336 of the hours" in found[3]["reason"]


def night(hour: datetime) -> bool:
    return hour.hour >= 20 or hour.hour < 6


def test_a_machine_that_is_quiet_at_night_can_be_switched_off(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 50, memory=60)
    fleet.hours(one, 1, peak=5, memory=60, mb_per_day=86.4, where=night)  # 1,000 B/s
    found = fleet.verdict(one)
    assert (found["verdict"], found["quiet_hours_per_week"]) == ("switch_off", 70)
    assert found["saving_usd_per_month"] == Decimal("29.75")  # 0.0978 × 70 / 168 × 730


@pytest.mark.parametrize(
    ("change", "quiet"),
    [
        ({"hours": [-336 + 22]}, 67),  # once, Monday 22:00: 20:00 and 21:00 are too short a run
        ({"where": lambda hour: hour.hour == 1}, 0),
        ({"where": lambda hour: hour.hour == 5}, 63),
    ],
)
def test_a_single_busy_hour_breaks_the_quiet(
    fleet: Machines, change: dict[str, Any], quiet: int
) -> None:
    one = fleet.add()
    fleet.hours(one, 50, memory=60)
    fleet.hours(one, 1, memory=60, mb_per_day=1, where=night)
    fleet.hours(one, 6, memory=60, mb_per_day=1, **change)
    found = fleet.verdict(one)
    if quiet == 0:
        # 20:00 to 00:59 and 02:00 to 05:59 are too short.
        assert found["verdict"] == "fine"
    else:
        assert found["quiet_hours_per_week"] == quiet


def test_a_machine_that_is_hardly_ever_busy_is_not_switched_off(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 1, memory=60, mb_per_day=1)
    fleet.hours(one, 50, memory=60, where=lambda hour: hour.hour in {1, 2, 3})
    assert fleet.verdict(one)["verdict"] == "fine"  # 21 busy hours of the week
    fleet.hours(one, 50, memory=60, where=lambda hour: hour.hour == 4 and hour.weekday() < 3)
    assert fleet.verdict(one)["verdict"] == "switch_off"  # 24


def test_hours_that_nobody_saw_are_not_quiet(fleet: Machines) -> None:
    one = fleet.add()
    nights(fleet, one)
    fleet.hours(one, 50, memory=60, where=lambda hour: 7 <= hour.hour <= 19)
    assert fleet.verdict(one)["verdict"] == "fine"


def test_the_price_is_the_newest_that_is_not_after_the_question(fleet: Machines) -> None:
    one = fleet.add()
    fleet.hours(one, 1, mb_per_day=1, hours=range(-800, 0))
    for price, as_of in ((0.2, END - 10 * DAY), (0.3, END), (0.4, END + HOUR)):
        fleet.run(
            "INSERT INTO prices VALUES ('eu-central-1', 'm7g.large', 'Linux', %s, %s, 'test')",
            price,
            as_of,
        )
    assert fleet.verdict(one)["price_usd_per_hour"] == Decimal("0.3")
    assert fleet.verdict(one, END - HOUR)["price_usd_per_hour"] == Decimal("0.2")
    assert fleet.verdict(one, END - 11 * DAY)["price_usd_per_hour"] == Decimal("0.0978")


def test_the_owners_prices(fleet: Machines) -> None:
    """The instance's own counts before its account's, and that before all."""
    ids = [fleet.add("m7g.xlarge", account_id=account) for account in ("1", "1", "2")]
    for one in ids:
        fleet.hours(one, 1, mb_per_day=1)
    fleet.run(
        "INSERT INTO price_overrides VALUES ('instance', %s, 0.05, NULL, 'Reserved to 2027.'), "
        "('account', '1', NULL, 0.5, NULL), ('all', '', NULL, 0.9, 'Savings Plan.')",
        ids[0],
    )
    found = [fleet.verdict(one) for one in ids]
    prices = [Decimal("0.05"), Decimal("0.09785"), Decimal("0.17613")]
    assert [row["price_usd_per_hour"] for row in found] == prices
    assert [row["saving_usd_per_month"] for row in found] == [
        round(price * 730, 2) for price in prices
    ]
    assert [row["saving_note"] for row in found] == [
        "By the price that the owner set. Reserved to 2027.",
        "List price times 0.5.",
        "List price times 0.9. Savings Plan.",
    ]
    for one in ids:
        fleet.hours(one, 10, memory=20)
    savings = [fleet.verdict(one)["saving_usd_per_month"] for one in ids]
    assert savings == [None, Decimal("53.58"), Decimal("96.45")]  # 0.1468 × 730 × 0.5 and 0.9


@pytest.mark.parametrize(
    ("kind", "value", "excluded"),
    [
        ("instance", "i-00000000000000001", True),
        ("instance", "i-00000000000000002", False),
        ("tag", "Team", True),
        ("tag", "Team=R&D=1", True),
        ("tag", "Team=web", False),
        ("family", "m7g", True),
        ("family", "m7", False),
        ("minimum_saving_usd", "100", True),
        ("minimum_saving_usd", "71.39", False),
        ("minimum_saving_usd", "much", False),
    ],
)
def test_exclusions(fleet: Machines, kind: str, value: str, excluded: bool) -> None:  # noqa: FBT001
    """The verdict stays, and says why nobody wants to hear about it."""
    one = fleet.add(tags={"Team": "R&D=1"})
    fleet.hours(one, 1, mb_per_day=1)
    fleet.run(
        "INSERT INTO verdict_exclusions VALUES (%s, %s, 'They know.', %s)", kind, value, END + HOUR
    )
    found = fleet.verdict(one)
    assert found["verdict"] == "idle"
    assert found["excluded_reason"] == ("They know." if excluded else None)
    fleet.run("UPDATE verdict_exclusions SET until = %s", END)
    assert fleet.verdict(one)["excluded_reason"] is None  # the snooze is over


def test_every_row_says_why_in_one_sentence(fleet: Machines) -> None:
    for arguments in ({}, {"instance_type": None, "launched": None}, {"instance_type": "x9.huge"}):
        for cpu in (1, 50, 95):
            fleet.hours(fleet.add(**arguments), cpu, mb_per_day=1)
    fleet.add()
    rows = fleet.verdicts()
    assert len(rows) == 10
    for row in rows:
        assert row["reason"].endswith(".")
        assert any(letter.isdigit() for letter in row["reason"])
        assert 0 <= row["confidence"] <= 1
        saves = row["verdict"] in {"idle", "oversized", "switch_off"}
        assert (row["saving_note"] is not None) >= saves


def test_the_view_asks_now(fleet: Machines) -> None:
    one = fleet.add(None, launched=None)
    fleet.run(
        "WITH months AS (SELECT ensure_metrics_partitions(now() - interval '40 days', now())) "
        "SELECT 1 FROM months"
    )
    fleet.run(
        "INSERT INTO metrics SELECT hour, 10, 10, 1, 1, 1, NULL, 12 FROM generate_series("
        "date_trunc('hour', now()) - interval '400 hours', "
        "date_trunc('hour', now()) - interval '1 hour', '1 hour') AS hour"
    )
    (row,) = fleet.run("SELECT * FROM verdicts")
    assert (row["instance_id"], row["verdict"]) == (one, "idle")
    assert list(row) == list(fleet.run("SELECT * FROM verdicts(now())")[0])
    (used,) = fleet.run("SELECT * FROM utilization_14d")
    assert (used["hours_expected"], used["hours_present"]) == (336, 336)
    assert (used["cpu_mean"], used["cpu_p95"], used["cpu_p995"]) == (1, 1, 1)


@pytest.mark.parametrize("arguments", ["NULL", "now(), 0", "now(), 456"])
def test_a_question_that_makes_no_sense_is_refused(fleet: Machines, arguments: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="from 1 to 455"):
        fleet.run(f"SELECT * FROM verdicts({arguments})")
