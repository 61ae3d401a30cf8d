"""Settings of Greeks: the curve of rates, what is refused, what makes a version."""

from datetime import date

import pytest
from pydantic import ValidationError

from collector.config.greeks_settings import CashDividend, DividendSettings, GreeksSettings, RatePoint
from collector.jobs import greeks_pass
from collector.market.calendar import Calendar


@pytest.mark.parametrize(
    ("days", "rate"), [(0, 0.05), (10, 0.05), (30, 0.05), (60, 0.045), (90, 0.04), (300, 0.04), (5000, 0.04)]
)
def test_curve_of_rates(days: int, rate: float) -> None:
    """Between its points the curve is straight, beyond them flat."""
    curve = GreeksSettings(rates=(RatePoint(days=30, rate=0.05), RatePoint(days=90, rate=0.04)))
    assert curve.rate(days) == pytest.approx(rate)


def test_refused_curves() -> None:
    """An empty curve and one that does not ascend are refused."""
    for rates in ((), (RatePoint(days=9, rate=0.1), RatePoint(days=9, rate=0.2))):
        with pytest.raises(ValidationError):
            GreeksSettings(rates=rates)


def test_parameters_are_what_changes_numbers() -> None:
    """The number of threads makes no new version, a rate does."""
    plain = greeks_pass.parameters(GreeksSettings())
    assert greeks_pass.parameters(GreeksSettings(threads=7, enabled=False)) == plain
    assert greeks_pass.parameters(GreeksSettings(rates=(RatePoint(days=0, rate=0.03),))) != plain


def test_terms_of_an_expiration() -> None:
    """Only dividends between the session and the expiration count, by the time that their ex-day opens."""
    known = DividendSettings(
        dividend_yield=0.01,
        cash=tuple(CashDividend(ex=date(2026, 12, day), amount=1.5) for day in (1, 18, 21)),
    )
    settings = GreeksSettings(dividends={"SPY": known})
    calendar = Calendar()
    session = calendar.session("SPY", date(2026, 12, 1))

    terms = greeks_pass.terms_of(settings, calendar, "SPY", session, date(2026, 12, 18))

    assert [dividend.amount for dividend in terms.dividends] == [1.5]
    assert terms.dividends[0].years_before == pytest.approx(6.75 / 24 / 365)
    assert terms.prior.dividend_yield == 0.01
    assert greeks_pass.terms_of(settings, calendar, "TSLA", session, date(2026, 12, 18)).dividends == ()
