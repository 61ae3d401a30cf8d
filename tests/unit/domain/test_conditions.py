"""Conditions: when they last, what goes on and what begins anew, however they come and go."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.conditions import Condition, ConditionKind, followed

START = datetime(2026, 11, 20, 21, 45, tzinfo=UTC)
LOOK_S = 5
GATEWAY, DISK = ConditionKind.GATEWAY_AWAY, ConditionKind.DISK_LOW


def course(*stretches: tuple[bool, int], kind: ConditionKind = GATEWAY) -> list[tuple[Condition, ...]]:
    """Return the conditions after each look over stretches of seconds in which it is there or is not."""
    known: tuple[Condition, ...] = ()
    looks, now = [], START
    for there, seconds in stretches:
        for _ in range(seconds // LOOK_S):
            now += timedelta(seconds=LOOK_S)
            known = followed(known, {kind: "gone"} if there else {}, now, LOOK_S)
            looks.append(known)
    return looks


def lasting_at(looks: Sequence[tuple[Condition, ...]]) -> list[int]:
    """Return the seconds after the start at which a condition that is there has just begun to last."""
    found, seen = [], set[datetime]()
    for number, conditions in enumerate(looks, 1):
        for one in conditions:
            if one.lasts and one.until is None and one.since not in seen:
                seen.add(one.since)
                found.append(number * LOOK_S)
    return found


def test_two_minutes_make_it_last() -> None:
    """It lasts at the look two minutes after the one that saw it first, and not before."""
    looks = course((True, 300))
    assert lasting_at(looks) == [125]
    (one,) = looks[-1]
    assert (one.since, one.until, one.reason) == (START + timedelta(seconds=5), None, "gone")


def test_a_short_one_is_forgotten() -> None:
    """What was away for a minute and a half never lasts, and makes room for the next of its kind."""
    looks = course((True, 90), (False, 300), (True, 60), (False, 10))
    assert lasting_at(looks) == []
    (one,) = looks[-1]
    assert one.since == START + timedelta(seconds=395)


def test_what_comes_and_goes_is_one_condition() -> None:
    """Away 90 s, back 10 s, again and again: it lasts after two minutes away in all, once, from the first loss on."""
    looks = course(*([(True, 90), (False, 10)] * 12))
    assert lasting_at(looks) == [135]  # 90 s from the first look on, 30 s more from the look at 105 s
    (one,) = looks[-1]
    assert one.since == START + timedelta(seconds=5)


def test_rare_blips_add_up_slowly() -> None:
    """Away 10 s every two minutes is no outage of two minutes before it has been away for so long in all."""
    looks = course(*([(True, 10), (False, 110)] * 15))
    (first,) = lasting_at(looks)
    assert first > 20 * 60


def test_after_two_minutes_without_it_another_one_begins() -> None:
    """Two outages an hour apart are two conditions, each with its own beginning and end."""
    looks = course((True, 600), (False, 3600), (True, 300), (False, 200))
    first, second = looks[-1]
    assert first.since == START + timedelta(seconds=5)
    assert first.until == START + timedelta(seconds=605)
    assert second.since == START + timedelta(seconds=4205)
    assert second.until == START + timedelta(seconds=4505)
    assert lasting_at(looks) == [125, 4325]


def test_kinds_do_not_mix() -> None:
    """A disk that fills up while the gateway is away is a condition of its own, in the order of their beginning."""
    known = followed((), {GATEWAY: "refused"}, START, LOOK_S)
    known = followed(known, {GATEWAY: "silent", DISK: "1 GB free"}, START + timedelta(seconds=5), LOOK_S)
    assert [(one.kind, one.reason, one.there_s) for one in known] == [(GATEWAY, "silent", 5), (DISK, "1 GB free", 0)]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=12))
def test_any_course(stretches: list[tuple[bool, int]]) -> None:
    """Whatever comes and goes: 125 s on end are never missed, nothing shorter in all lasts, beginnings ascend."""
    seconds = [(there, count * LOOK_S) for there, count in stretches]
    looks = course(*seconds)
    found = lasting_at(looks)
    longest = running = 0
    for there, length in seconds:
        running = running + length if there else 0
        longest = max(longest, running)
    if longest >= 125:
        assert found
    if sum(length for there, length in seconds if there) < 120:
        assert not found
    if looks:
        since = [one.since for one in looks[-1]]
        assert since == sorted(since)
        assert len(looks[-1]) <= len(found) + 1


def test_elapsed_time_is_what_counts() -> None:
    """A wall clock that is set ahead by an hour makes nothing last."""
    known = followed((), {GATEWAY: "gone"}, START, LOOK_S)
    known = followed(known, {GATEWAY: "gone"}, START + timedelta(hours=1), LOOK_S)
    assert [one.lasts for one in known] == [False]
    assert known[0].there_s == pytest.approx(5)
