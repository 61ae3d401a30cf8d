"""Closures and early closes in the configuration: what can be checked without a calendar is refused with one line."""

from datetime import date, time
from pathlib import Path

import pytest

from collector.config import Closure, EarlyClose, load
from collector.domain.errors import ConfigurationError
from collector.market.calendar import Calendar

MOURNING = "{date: 2026-11-20, reason: a day of mourning}"


def read(tmp_path: Path, text: str) -> tuple[tuple[Closure, ...], tuple[EarlyClose, ...]]:
    """Return what a configuration of these lines says of closures, as a calendar takes it."""
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    settings = load(path)
    Calendar.configured(settings)
    return settings.closures, settings.early_closes


def test_both_are_read(tmp_path: Path) -> None:
    """A date, a reason, and for an early close the time."""
    text = f"closures: [{MOURNING}]\nearly_closes:\n- {{date: 2026-11-24, time: 12:30, reason: a storm}}\n"
    closures, early = read(tmp_path, text)
    assert closures == (Closure(date=date(2026, 11, 20), reason="a day of mourning"),)
    assert early == (EarlyClose(date=date(2026, 11, 24), time=time(12, 30), reason="a storm"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"closures:\n- {MOURNING}\n- {MOURNING}\n", "closures 2026-11-20 is named twice"),
        ("closures: [{date: 2026-11-20}]\n", "closures[0].reason is missing"),
        ("closures: [{date: 2026-11-20, reason: ''}]\n", "closures[0].reason"),
        ("closures: [{date: next Friday, reason: a storm}]\n", "closures[0].date"),
        ("closures: [2026-11-20]\n", "closures[0] should hold `key: value` pairs"),
        (f"closures: [{MOURNING[:-1]}, time: 12:00}}]\n", "unknown key closures[0].time"),
        (
            "closures: [{date: 2026-11-21, reason: a storm}]\n",
            "closures: 2026-11-21 is no trading session: it is a Sat",
        ),
        ("closures: [{date: 2026-11-26, reason: a storm}]\n", "the exchange is closed for Thanksgiving Day"),
        ("closures: [{date: 1999-11-26, reason: a storm}]\n", "the calendar knows 2016-01-01 to 2036-12-31"),
        ("early_closes: [{date: 2026-11-24, reason: x, time: 12:31}]\n", "ends no 5-minute bar"),
        (
            "early_closes: [{date: 2026-11-24, reason: x, time: 16:00}]\n",
            "16:00 is not inside a session, 09:30 to 16:00",
        ),
        ("early_closes: [{date: 2026-11-24, reason: x, time: 09:30}]\n", "09:30 is not inside a session"),
        ("early_closes: [{date: 2026-11-24, reason: x, time: 1230}]\n", "should be a time such as 16:45"),
        (
            "early_closes: [{date: 2026-11-22, reason: x, time: 12:30}]\n",
            "2026-11-22 is no trading session: it is a Sun",
        ),
        (
            "early_closes: [{date: 2026-11-27, reason: x, time: 15:00}]\n",
            "2026-11-27 closes at 13:00 already, not at 15:00",
        ),
        (
            f"closures: [{MOURNING}]\nearly_closes: [{{date: 2026-11-20, reason: x, time: 12:30}}]\n",
            "closures, early_closes: 2026-11-20 is named twice",
        ),
        (
            "symbols: [{symbol: SPY, close: 13:30}]\nearly_closes: [{date: 2026-11-24, reason: x, time: 11:00}]\n",
            "early_closes: SPY, which closes at 13:30, has no session on 2026-11-24",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """One line says which entry and why."""
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, text)
    assert words in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "closures: [{date: 2025-01-09, reason: a day of mourning}]\n",
        "early_closes: [{date: 2026-11-27, reason: the day after Thanksgiving, time: 13:00}]\n",
    ],
)
def test_what_the_calendar_has_learned_since_is_no_contradiction(tmp_path: Path, text: str) -> None:
    """A newer calendar that knows the closure, or the early close, does not stop the collector."""
    assert any(read(tmp_path, text))
