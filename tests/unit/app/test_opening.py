"""What is opened for a command: configured days are sessions."""

from pathlib import Path

import pytest

from collector.app import opening
from collector.config import load
from collector.domain.errors import ConfigurationError

DIVIDEND = """symbols: [SPY]
greeks:
  dividends:
    spy:
      cash:
        - ex: 2026-09-18
          amount: 1.8
        - ex: {day}
          amount: 1.95
"""


def written(tmp_path: Path, day: str) -> Path:
    """Write a configuration whose second dividend has an ex-date."""
    path = tmp_path / "config.yaml"
    path.write_text(DIVIDEND.format(day=day), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("day", "why", "hint"),
    [
        ("2026-12-19", "it is a Saturday", "2026-12-18 and 2026-12-21"),
        ("2026-11-26", "the exchange is closed for Thanksgiving", "2026-11-25 and 2026-11-27"),
    ],
)
def test_an_ex_date_that_is_no_session_is_refused(tmp_path: Path, day: str, why: str, hint: str) -> None:
    """The refusal names file, line, key, the reason and the sessions next to it."""
    path = written(tmp_path, day)
    with pytest.raises(ConfigurationError) as raised:
        opening.check_dates(load(path), path)
    assert raised.value.message.startswith(f"{path}:8: greeks.dividends.SPY.cash[1].ex: {day} is no trading session: ")
    assert why in raised.value.message
    assert hint in str(raised.value.hint)


def test_an_ex_date_beyond_the_calendar_is_refused(tmp_path: Path) -> None:
    """A year that nobody can know is a mistake, not an unforeseen error."""
    path = written(tmp_path, "2226-12-18")
    with pytest.raises(ConfigurationError, match=r"config\.yaml:8: greeks\.dividends\.SPY\.cash\[1\]\.ex: "):
        opening.check_dates(load(path), path)


def test_sessions_are_taken(tmp_path: Path) -> None:
    """Ex-dates that are sessions pass."""
    path = written(tmp_path, "2026-12-18")
    opening.check_dates(load(path), path)
