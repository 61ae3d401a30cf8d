"""IB's hard rules for bars of 30 seconds and less."""

from collector.simulator.small_bars import SmallBarRules


def test_the_same_request_within_fifteen_seconds() -> None:
    """It is broken at 14.9 seconds and not at 15."""
    rules = SmallBarRules()
    assert rules.broken("a", "x", 1, 0.0) is None
    assert rules.broken("a", "x", 1, 14.9) == ("identical", 2)
    assert rules.broken("a", "x", 1, 30.0) is None


def test_six_of_a_series_within_two_seconds() -> None:
    """The sixth breaks the rule; another series does not count."""
    rules = SmallBarRules()
    assert [rules.broken(n, "x", 1, 0.1 * n) for n in range(5)] == [None] * 5
    assert rules.broken("other", "y", 1, 0.5) is None
    assert rules.broken(6, "x", 1, 0.6) == ("burst", 6)


def test_bid_ask_counts_twice() -> None:
    """The third BID_ASK within two seconds counts as the sixth."""
    rules = SmallBarRules()
    assert [rules.broken(n, "x", 2, 0.1 * n) for n in range(3)] == [None, None, ("burst", 6)]


def test_sixty_within_ten_minutes() -> None:
    """The sixty-first breaks the rule until the first has been forgotten."""
    rules = SmallBarRules()
    assert [rules.broken(n, n, 1, float(n)) for n in range(60)] == [None] * 60
    assert rules.broken(60, 60, 1, 599.0) == ("ten minutes", 61)
    assert rules.broken(61, 61, 1, 700.0) is None
