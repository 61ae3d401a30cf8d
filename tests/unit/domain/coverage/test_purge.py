"""Whether an expiration is forgotten: hand-written nights around Friday 2026-11-20 (New York is UTC-5)."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.domain.coverage.depth import depth
from collector.domain.coverage.purge import Asked, Standing, is_another_night, judge
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import DATA_SETS, OPTION_BARS_5MIN
from collector.domain.market_data.instruments import WhatToShow

NO_CONTRACT = "No security definition has been found for the request (200)"


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


SATURDAY, MONDAY = utc(21, 5, 30), utc(23, 23)
"""00:30 on Saturday, 18:00 on Monday in New York."""


def asked(sent_at: datetime, outcome: Outcome = Outcome.UNKNOWN_CONTRACT, contract_id: int = 1, **more: bool) -> Asked:
    """Return a controlled question about bars that are known."""
    words = NO_CONTRACT if outcome is Outcome.UNKNOWN_CONTRACT else ""
    return Asked(contract_id, sent_at, outcome, words, **({"known": True, "controlled": True} | more))


def test_a_passed_expiration_is_asked_first() -> None:
    """Of an expiration that nobody has asked about since, nothing is known."""
    assert judge([], SATURDAY, 20).standing is Standing.UNASKED


def test_bars_open_the_expiration_for_the_night() -> None:
    """What has answered with bars may be asked for whole, that night; the next night one contract is asked again."""
    answered = [asked(SATURDAY, Outcome.BARS)]
    assert judge(answered, SATURDAY + timedelta(minutes=5), 20).standing is Standing.ANSWERS
    assert judge(answered, MONDAY, 20).standing is Standing.UNASKED


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN_CONTRACT, Outcome.NO_DATA, Outcome.REJECTED])
def test_two_nights_of_denial_are_believed(outcome: Outcome) -> None:
    """One denial costs the night, the same on another night the expiration, with what the source said on both."""
    first, second = asked(SATURDAY, outcome), asked(MONDAY, outcome)
    assert judge([first], SATURDAY + timedelta(hours=1), 20).standing is Standing.RESTS
    assert judge([first], MONDAY, 20).standing is Standing.UNASKED
    found = judge([second, first], MONDAY + timedelta(minutes=1), 20)
    assert found.standing is Standing.GONE
    assert all(part in found.reason for part in ("2026-11-21", "2026-11-23", first.words))


@pytest.mark.parametrize("outcome", [Outcome.TIME_OUT, Outcome.FARM_DOWN, Outcome.PERMISSION, Outcome.UNKNOWN])
def test_what_says_nothing_is_no_denial(outcome: Outcome) -> None:
    """A time-out, a broken farm, a lapsed permission say nothing of the contract: all of it is asked for."""
    assert judge([asked(SATURDAY, outcome)], SATURDAY, 20).standing is Standing.ANSWERS
    assert judge([asked(SATURDAY), asked(MONDAY, outcome)], MONDAY, 20).standing is Standing.ANSWERS


def test_denials_without_controls_prove_nothing() -> None:
    """Without answers of living contracts around it a denial only ends the night."""
    dark = [asked(SATURDAY, controlled=False), asked(MONDAY, controlled=False)]
    assert judge(dark, MONDAY + timedelta(hours=1), 20).standing is Standing.RESTS
    assert judge([*dark, asked(utc(24, 23))], utc(24, 23, 30), 20).standing is Standing.RESTS


def test_bars_in_between_make_earlier_denials_void() -> None:
    """A contract that answers after a denial is not forgotten: the nights are counted from there."""
    found = [asked(SATURDAY), asked(MONDAY, Outcome.BARS), asked(utc(24, 23))]
    assert judge(found, utc(24, 23, 30), 20).standing is Standing.RESTS
    assert judge([*found, asked(utc(25, 23))], utc(25, 23, 30), 20).standing is Standing.GONE


def test_midnight_alone_makes_no_other_night() -> None:
    """Two denials 20 minutes apart around midnight are one night's; six hours and another date make two."""
    assert not is_another_night(utc(21, 4, 50), utc(21, 5, 10))
    assert not is_another_night(utc(21, 5, 10), utc(21, 15))
    assert is_another_night(utc(21, 4, 50), utc(21, 10, 50))
    assert judge([asked(utc(21, 4, 50)), asked(utc(21, 5, 10))], utc(21, 5, 20), 20).standing is Standing.RESTS


def test_without_known_bars_three_contracts_stand_for_all() -> None:
    """The emptiness of one contract says little where nothing is known; that of the three nearest the money counts."""

    def night(sent_at: datetime, contracts: int) -> list[Asked]:
        return [asked(sent_at, Outcome.NO_DATA, n, known=False, of_quotes=True) for n in range(contracts)]

    later = MONDAY + timedelta(minutes=1)
    assert judge(night(SATURDAY, 2) + night(MONDAY, 3), later, 20).standing is Standing.RESTS
    assert judge(night(SATURDAY, 3) + night(MONDAY, 3), later, 20).standing is Standing.GONE
    assert judge(night(SATURDAY, 2) + night(MONDAY, 2), later, 2).standing is Standing.GONE


def test_emptiness_that_was_possible_is_no_denial_for_good() -> None:
    """Empty trades of a contract of which no trade is known stand for nothing, also after answers with bars."""
    empty = [asked(night, Outcome.NO_DATA, known=False) for night in (SATURDAY, MONDAY)]
    assert judge(empty, MONDAY + timedelta(minutes=1), 20).standing is Standing.ANSWERS
    assert judge([asked(SATURDAY, Outcome.BARS, 2), *empty], MONDAY, 20).standing is Standing.ANSWERS


def test_depth_is_what_was_seen_where_that_is_more() -> None:
    """Quotes are counted on for 45 days, trades for 90; deeper answers deepen them, shallower ones change nothing."""
    assert depth(OPTION_BARS_5MIN, WhatToShow.BID, None) == timedelta(days=45)
    assert depth(OPTION_BARS_5MIN, WhatToShow.TRADES, None) == timedelta(days=90)
    assert depth(OPTION_BARS_5MIN, WhatToShow.ASK, timedelta(days=64)) == timedelta(days=64)
    assert depth(OPTION_BARS_5MIN, WhatToShow.TRADES, timedelta(days=64)) == timedelta(days=90)
    assert all(set(one.depths) >= set(one.series) for one in DATA_SETS)
