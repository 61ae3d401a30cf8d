"""Evidence: which empty answers count, which surprise, which sessions cannot be as empty as they look."""

from datetime import UTC, date, datetime, timedelta

import pytest

from collector.domain.coverage.evidence import Claim, Emptiness, Ruling, is_controlled, is_surprise, ruling, weighed
from collector.domain.market_data.instruments import OPTION_SERIES, WhatToShow

TRADES, BID, ASK = WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK
NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
NIGHT = date(2026, 11, 20)


def at(seconds: float) -> datetime:
    """Return an instant so many seconds after the run began."""
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("good", "controlled"),
    [
        ([], False),
        ([40, 80], True),
        ([40], False),
        ([80], False),
        ([-10, 52], True),
        ([-11, 53], False),
        ([52], True),
        ([40, 112], True),
        ([40, 113], False),
        ([51], False),
        ([50, 60], True),
    ],
)
def test_bars_must_come_within_a_minute_before_and_after(good: list[int], controlled: bool) -> None:
    """An empty answer sent at 50 s and answered at 52 s stands between two answers with bars, a minute away at most."""
    assert is_controlled(at(50), at(52), [at(one) for one in good]) is controlled


def test_two_instruments_empty_where_bars_are_known_are_an_outage() -> None:
    """Between two good answers two failed controls void what lies there; one instrument alone does not."""
    good = [at(0), at(55)]
    assert is_controlled(at(20), at(21), good, [(at(25), 7), (at(30), 7)])
    assert not is_controlled(at(20), at(21), good, [(at(25), 7), (at(30), 8)])
    assert is_controlled(at(20), at(21), good, [(at(60), 7), (at(61), 8)])


def claim(what: WhatToShow, *with_bars: WhatToShow, later_min: float = 0, **facts: bool) -> Claim:
    """Return a claim whose latest witness came so many minutes after the first."""
    return Claim(what, NOW, NOW + timedelta(minutes=later_min), frozenset(with_bars), **facts)


@pytest.mark.parametrize(
    ("one", "surprises"),
    [
        (claim(TRADES), True),
        (claim(BID), True),
        (claim(ASK), True),
        (claim(TRADES, BID, ASK), False),
        (claim(TRADES, ASK), False),
        (claim(TRADES, BID, ASK, traded_before=True), True),
        (claim(TRADES, BID, ASK, neighbours_traded=True), True),
        (claim(BID, ASK), False),
        (claim(BID, ASK, ask_above_bound=True), True),
        (claim(BID, ASK, TRADES), True),
        (claim(ASK, BID), True),
        (claim(ASK, BID, TRADES), True),
        (claim(BID, ASK, BID), True),
        (claim(TRADES, TRADES, of_underlying=True), True),
    ],
)
def test_what_surprises_needs_a_second_witness(one: Claim, surprises: bool) -> None:
    """Wholly empty contracts, quotes that lack where trades are, bids that should be there, trades that usually are."""
    assert is_surprise(one, OPTION_SERIES) is surprises


def test_without_quote_series_every_empty_trades_surprises() -> None:
    """Where only TRADES are collected nothing else tells whether a contract was alive."""
    assert is_surprise(claim(TRADES, TRADES), (TRADES,))


def test_what_becomes_of_claims() -> None:
    """Surprises wait for half an hour; what surprises nobody settles on one witness; implausible sessions hold all."""
    surprise, quiet = claim(TRADES), claim(TRADES, BID, ASK)
    assert ruling(surprise, OPTION_SERIES, plausible=True) is Ruling.AWAITING
    assert ruling(claim(TRADES, later_min=29.9), OPTION_SERIES, plausible=True) is Ruling.AWAITING
    assert ruling(claim(TRADES, later_min=30), OPTION_SERIES, plausible=True) is Ruling.SETTLED
    assert ruling(quiet, OPTION_SERIES, plausible=True) is Ruling.SINGLE_WITNESS
    for one in (surprise, quiet, claim(TRADES, later_min=600)):
        assert ruling(one, OPTION_SERIES, plausible=False) is Ruling.HELD


@pytest.mark.parametrize(
    ("found", "shares", "plausible"),
    [
        (Emptiness(answered=3, empty=2), [], True),
        (Emptiness(answered=3, empty=3), [], False),
        (Emptiness(answered=200, empty=10), [], True),
        (Emptiness(answered=200, empty=11), [], False),
        (Emptiness(answered=200, empty=30), [0.07, 0.07], False),
        (Emptiness(answered=200, empty=32), [0.07, 0.07, 0.07], True),
        (Emptiness(answered=200, empty=33), [0.07, 0.07, 0.07], False),
        (Emptiness(answered=200, empty=10), [0.0] * 5, True),
        (Emptiness(answered=200, empty=40), [0.01, 0.01, 0.01, 0.01, 0.01, 0.9, 0.9], False),
        (Emptiness(answered=1000, near=300, near_without_ask=3), [], True),
        (Emptiness(answered=1000, near=300, near_without_ask=4), [], False),
        (Emptiness(answered=20, near=10, near_without_ask=2), [], True),
    ],
)
def test_a_session_is_as_empty_as_others_or_not_plausible(
    found: Emptiness, shares: list[float], plausible: bool
) -> None:
    """Up to 5 % wholly empty contracts, or twice the usual share and two points; 1 % without ASK near the money."""
    assert weighed(found, shares, quoted=True, night=NIGHT).plausible is plausible


@pytest.mark.parametrize(
    ("without_trades", "shares", "plausible"),
    [(200, [], True), (200, [0.3, 0.3], True), (124, [0.3, 0.3, 0.3], True), (125, [0.3, 0.3, 0.3], False)],
)
def test_without_quotes_the_share_of_untraded_contracts_counts(
    without_trades: int, shares: list[float], plausible: bool
) -> None:
    """Where only TRADES are collected the share without trades is compared with its own median, once there is one."""
    found = Emptiness(answered=200, empty=without_trades, without_trades=without_trades)
    assert weighed(found, shares, quoted=False, night=NIGHT).plausible is plausible


def test_three_nights_that_find_the_same_are_believed() -> None:
    """The third night with the same share within a point accepts it; another share begins to count anew."""
    found = Emptiness(answered=100, empty=20)
    first = weighed(found, [], quoted=True, night=NIGHT)
    again = weighed(found, [], quoted=True, night=NIGHT, before=(found, first.nights))
    second = weighed(found, [], quoted=True, night=NIGHT + timedelta(days=1), before=(found, again.nights))
    third = weighed(
        found,
        [],
        quoted=True,
        night=NIGHT + timedelta(days=2),
        before=(Emptiness(answered=1000, empty=209), second.nights),
    )
    other = weighed(
        found,
        [],
        quoted=True,
        night=NIGHT + timedelta(days=2),
        before=(Emptiness(answered=100, empty=22), second.nights),
    )

    assert "20 of 100 contracts have no bar at all" in first.implausible
    assert [len(one.nights) for one in (first, again, second)] == [1, 1, 2]
    assert third.plausible
    assert "3 nights found the same" in third.remark
    assert not other.plausible
    assert other.nights == (NIGHT + timedelta(days=2),)


def test_the_owner_may_accept_at_once() -> None:
    """What its owner accepted is plausible, and says so, until it looks emptier than it did."""
    seen = Emptiness(answered=100, empty=26)
    for found, plausible in ((seen, True), (Emptiness(answered=100, empty=20), True), (Emptiness(100, 90), False)):
        finding = weighed(found, [], quoted=True, night=NIGHT, before=(seen, ()), accepted=True)
        assert finding.plausible is plausible
        assert ("accepted by its owner" in finding.remark) is plausible


@pytest.mark.parametrize("without_ask", [40, 9])
def test_nights_agree_on_the_share_that_is_complained_of(without_ask: int) -> None:
    """Another share without ASK near the money is another finding, however many contracts are wholly empty."""
    seen = Emptiness(answered=500, near=100, near_without_ask=100)
    found = Emptiness(answered=500, near=100, near_without_ask=without_ask)
    before = (seen, (NIGHT, NIGHT + timedelta(days=1)))
    finding = weighed(found, [], quoted=True, night=NIGHT + timedelta(days=2), before=before)
    assert not finding.plausible
    assert finding.nights == (NIGHT + timedelta(days=2),)


def test_a_look_without_a_new_answer_is_no_further_night() -> None:
    """Who looks three times at the same answers has seen them once."""
    found = Emptiness(answered=100, empty=20)
    before = (found, (NIGHT, NIGHT + timedelta(days=1)))
    finding = weighed(found, [], quoted=True, night=None, before=before)
    assert not finding.plausible
    assert finding.nights == before[1]
