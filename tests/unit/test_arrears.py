"""Who is due, from which hour on, and what a run leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ingest_fn.pipeline.arrears import FRESHNESS, Due, Reach, ReadState, Settlement, due_now
from ingest_fn.pipeline.backfill import ROWS_PER_PIECE, pieces, volume
from ingest_fn.pipeline.model import HOUR, Batch, InstanceOutcome, Outcome, Window
from tests.making import instance_id

END = int(datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp())
REACH = Reach(lookback=24, first_lookback=336, catch_up=336)
IDS = [instance_id(number) for number in range(48)]


def hours_before(count: int) -> int:
    return END - count * 3600


def read_up_to(hours: int, slot: int = 0, *, member: bool = True) -> ReadState:
    return ReadState(slot, member, hours_before(500), hours_before(hours))


def due(states: dict[str, ReadState], freshness: int = 1, end: int = END) -> Due:
    return due_now(states, states, end=end, freshness=freshness, reach=REACH)


def starts(found: Due) -> dict[str, int]:
    return {
        id_: (need.window.end - need.window.start) // HOUR
        for need in found.needs
        for id_ in need.instance_ids
    }


def test_new_instances_come_last_and_are_read_over_their_history() -> None:
    found = due_now(IDS[:3], {IDS[2]: read_up_to(1)}, end=END, freshness=1, reach=REACH)
    assert [(need.instance_ids, need.window.hour_count) for need in found.needs] == [
        ([IDS[2]], 24),
        (IDS[:2], 336),
    ]
    assert found.exceptions == set(IDS[:2])


def test_the_steady_case_has_no_exceptions_and_one_window() -> None:
    found = due({id_: read_up_to(1, number % 24) for number, id_ in enumerate(IDS)})
    assert starts(found) == dict.fromkeys(IDS, 24)
    assert len(found.needs) == 1
    assert found.exceptions == frozenset()
    assert list(found.slots) == list(range(24))


def test_an_outage_is_read_from_its_first_hour() -> None:
    found = due({IDS[0]: read_up_to(100)})
    assert 100 <= starts(found)[IDS[0]] <= 336
    assert found.exceptions == frozenset()


def test_an_outage_longer_than_catch_up_leaves_an_exception() -> None:
    found = due({IDS[0]: read_up_to(400)})
    assert starts(found) == {IDS[0]: 336}
    assert found.exceptions == {IDS[0]}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 23), st.integers(-5, 600), st.none() | st.integers(1, 336), st.booleans()
        ),
        max_size=len(IDS),
    ),
    st.sampled_from(FRESHNESS),
)
def test_every_owed_hour_is_covered_and_everyone_is_counted(
    drawn: list[tuple[int, int, int | None, bool]], freshness: int
) -> None:
    states = {
        id_: ReadState(
            slot,
            member,
            hours_before(700),
            hours_before(back),
            None if owes is None else hours_before(max(owes, back)),
        )
        for id_, (slot, back, owes, member) in zip(IDS, drawn, strict=False)
    }
    found = due(states, freshness)
    read = starts(found)
    assert len(read) + found.not_due == len(states)
    assert found.requested == len(read)
    for id_, state in states.items():
        assert state.read_until is not None
        if id_ not in read:
            assert state.owes_from is None
            assert END - state.read_until <= freshness * 3600
            continue
        assert 24 <= read[id_] <= 336
        first = min(state.owes_from or END, state.read_until)
        start = hours_before(read[id_])
        assert start <= first or read[id_] == 336
        if start > state.read_until or not state.member or state.owes_from is not None:
            assert id_ in found.exceptions
    # The mark of a slot moves only where nobody of it waits.
    waiting = {state.slot for id_, state in states.items() if id_ not in read}
    assert waiting.isdisjoint(found.slots)
    assert {id_ for id_ in read if states[id_].slot in waiting} <= found.exceptions
    # Few windows keep the calls full.
    assert len(found.needs) <= 6


@given(st.sampled_from(FRESHNESS))
def test_every_slot_has_its_turn_once_in_a_cycle(freshness: int) -> None:
    turns = [0] * 24
    for hour in range(24):
        end = END + hour * 3600
        for slot in range(24):
            state = ReadState(slot, member=True, read_from=0, read_until=end)
            turns[slot] += bool(due({IDS[0]: state}, freshness, end).needs)
    assert turns == [24 // freshness] * 24


def test_a_settlement_keeps_exceptions_only() -> None:
    window = Window(datetime(2026, 11, 22, 10, tzinfo=UTC), datetime(2026, 11, 23, 10, tzinfo=UTC))
    settlement = Settlement(Due([], exceptions=frozenset({IDS[2]})))
    settlement.add(
        Batch(IDS[:3], window),
        [
            InstanceOutcome(IDS[0], Outcome.OK),
            InstanceOutcome(IDS[1], Outcome.PARTIAL, reason="PartialData"),
            InstanceOutcome(IDS[2], Outcome.EMPTY),
        ],
    )
    assert [(line.instance_id, line.whole) for line in settlement.exceptions] == [
        (IDS[1], False),
        (IDS[2], True),
    ]
    assert settlement.any_whole
    assert settlement.lost_hours == 24


def test_a_backfill_is_cut_by_instances_and_never_by_hours() -> None:
    end = datetime(2026, 11, 23, 10, tzinfo=UTC)
    year, day = Window(end - 8760 * HOUR, end), Window(end - 24 * HOUR, end)
    unread = {id_: [year] for id_ in IDS} | {IDS[0]: [day], IDS[1]: []}
    cut = list(pieces(unread))
    assert sorted(id_ for due in cut for id_ in due.needs[0].instance_ids) == [IDS[0], *IDS[2:]]
    assert all(
        len(due.needs[0].instance_ids) * due.needs[0].window.hour_count <= ROWS_PER_PIECE
        for due in cut
    )
    counted = volume(unread)
    assert (counted.instances, counted.hours) == (47, 46 * 8760 + 24)
    assert (counted.metrics, counted.requests) == (3 * 47, 3 * (46 * 7 + 1))
