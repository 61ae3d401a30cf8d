"""The rules that the settings of the selection stand for."""

from decimal import Decimal

from collector.config import SelectionSettings
from collector.domain.coverage.nearness import Nearness
from collector.domain.coverage.selection import ByDistance, ByRegime, Regime


def test_the_rule_says_exactly_what_was_written() -> None:
    """0.15 is fifteen hundredths, as typed, not the binary fraction next to it; an open regime stays open."""
    settings = SelectionSettings.model_validate(
        {
            "regimes": [{"below": 0.3, "band": 0.15, "min_strikes": 5}, {"band": 0.7, "min_strikes": 9}],
            "near_band": 0.1,
            "near_days": 3,
        }
    )
    regimes = (Regime(Decimal("0.3"), Decimal("0.15"), 5), Regime(None, Decimal("0.7"), 9))

    assert settings.rule() == ByRegime(regimes)
    assert settings.nearness() == Nearness(3, ByDistance(Decimal("0.1")))


def test_the_default_is_the_owners_specification() -> None:
    """Who configures nothing gets the regimes that the tests of the rule check figure by figure."""
    assert SelectionSettings().rule() == ByRegime()
