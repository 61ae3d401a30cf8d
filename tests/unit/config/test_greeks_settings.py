"""Settings of Greeks: the curve of rates, what is refused, what makes a version."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from collector.config.greeks_settings import CashDividend, DividendSettings, GreeksSettings, RatePoint
from collector.db.contracts.announced_dividends import AnnouncedDividend
from collector.domain.pricing.chain import Terms
from collector.domain.pricing.dividends import DividendSource
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
    assert greeks_pass.parameters(GreeksSettings(threads=7, enabled=False, ask_dividends=False)) == plain
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


TOLD = AnnouncedDividend(date(2026, 12, 1), date(2026, 12, 18), Decimal("1.95"))


def terms(settings: GreeksSettings, expiration: date, told: AnnouncedDividend | None) -> Terms:
    """Return SPY's terms on 1 December."""
    calendar = Calendar()
    return greeks_pass.terms_of(settings, calendar, "SPY", calendar.session("SPY", date(2026, 12, 1)), expiration, told)


def test_a_dividend_that_was_told_counts_behind_its_ex_date() -> None:
    """The tick's dividend is set aside where the expiration lies on the ex-date or behind it, and nowhere else."""
    behind = terms(GreeksSettings(), date(2026, 12, 18), TOLD)
    assert (behind.source, behind.cash_dividends) == (DividendSource.TICK, 1.95)
    before = terms(GreeksSettings(), date(2026, 12, 17), TOLD)
    assert (before.source, before.dividends) == (DividendSource.CONFIGURED, ())


@pytest.mark.parametrize(
    "told", [None, AnnouncedDividend(date(2026, 12, 1), None, None), replace(TOLD, ex=date(2026, 12, 1))]
)
def test_nothing_ahead_is_no_dividend(told: AnnouncedDividend | None) -> None:
    """Nothing told, none known and one that has gone ex already leave the quotes to tell."""
    assert terms(GreeksSettings(), date(2026, 12, 18), told).dividends == ()


def test_the_configuration_goes_before_the_tick() -> None:
    """Where the owner knows a dividend ahead, what the source told is not added."""
    known = DividendSettings(cash=(CashDividend(ex=date(2026, 12, 18), amount=2.0),))
    found = terms(GreeksSettings(dividends={"SPY": known}), date(2026, 12, 18), TOLD)
    assert (found.source, found.cash_dividends) == (DividendSource.CONFIGURED, 2.0)


def test_a_configured_yield_goes_before_the_tick_where_parity_is_off() -> None:
    """It holds the dividend already; with parity it is only what is believed before looking."""
    known = {"SPY": DividendSettings(dividend_yield=0.012)}
    off = terms(GreeksSettings(dividends=known, parity=False), date(2026, 12, 18), TOLD)
    assert (off.source, off.dividends) == (DividendSource.CONFIGURED, ())
    on = terms(GreeksSettings(dividends=known), date(2026, 12, 18), TOLD)
    assert (on.source, on.cash_dividends) == (DividendSource.TICK, 1.95)


def test_names_of_symbols_without_regard_to_case() -> None:
    """`spy` is SPY, as in `symbols`; the same name twice is refused, and so is one ex-date twice."""
    found = GreeksSettings.model_validate({"dividends": {" spy ": {"dividend_yield": 0.01}}})
    assert found.of("SPY").dividend_yield == 0.01
    with pytest.raises(ValidationError, match="SPY is named twice"):
        GreeksSettings.model_validate({"dividends": {"spy": {}, "SPY": {}}})
    day = {"ex": "2026-12-18", "amount": 1.0}
    with pytest.raises(ValidationError, match="2026-12-18 is named twice"):
        DividendSettings.model_validate({"cash": [day, day]})
