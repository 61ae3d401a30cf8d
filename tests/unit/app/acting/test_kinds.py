"""What is filled in is read once, spelled once, and said as the command that does the same."""

from datetime import datetime

import pytest

from collector.app.acting.kinds import KINDS, named
from collector.clock import SystemClock
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import Unknown, UsageError
from tests.support.window_runs import narrow

NOW = datetime(2026, 11, 20, 17, 0, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("kind", "given", "command"),
    [
        ("run", {"window": "eod"}, "collector run --window eod"),
        (
            "run",
            {"window": "late_night", "date": " 2026-11-19 ", "symbols": "tsla, spy", "force": "on"},
            "collector run --window late_night --date 2026-11-19 --symbols SPY,TSLA --force",
        ),
        ("fill", {"since": "2026-11-16"}, "collector gaps fill --since 2026-11-16"),
        ("backfill", {"days": "060"}, "collector backfill --days 60"),
        (
            "backfill",
            {"days": "3650", "data_set": "underlying_bars_1day"},
            "collector backfill --days 3650 --data-set underlying_bars_1day",
        ),
        ("chains", {"symbols": "SPY"}, "collector chains refresh --symbols SPY"),
        ("archive", {"symbols": "SPY"}, "collector archive --symbol SPY"),
        ("greeks", {"since": "2026-11-16"}, "collector greeks recompute --since 2026-11-16"),
        ("forget", {"session": "2026-11-20"}, "collector coverage forget --session 2026-11-20"),
        ("accept", {"session": "2026-11-20"}, "collector coverage accept --session 2026-11-20"),
        ("test", {"nothing": "of this"}, "collector notify test"),
    ],
)
def test_as_a_command(kind: str, given: dict[str, str], command: str) -> None:
    """Each kind is the command of the same name, with its options."""
    found = named(kind)
    assert found.command_line(found.read(given, narrow(), SystemClock(NOW))) == command


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("run", {}, "Window is empty"),
        ("run", {"window": "noon"}, "there is no 'noon'"),
        ("run", {"window": "eod", "date": "20.11.2026"}, "is no date"),
        ("run", {"window": "eod", "date": "2026-11-21"}, "Saturday"),
        ("run", {"window": "eod", "date": "2026-11-23"}, "is in the future"),
        ("run", {"window": "eod", "symbols": "SPY,XYZ"}, "XYZ is not collected"),
        ("backfill", {"days": "0"}, "is no number"),
        ("backfill", {"days": "9" * 5000}, "is no number"),
        ("backfill", {"days": "121"}, "does not remember"),
        ("backfill", {"data_set": "option_bars_5min"}, "there is no 'option_bars_5min'"),
        ("fill", {"since": "2026-12-01"}, "is after the last session"),
        ("greeks", {}, "is empty"),
        ("forget", {"session": "2026-11-26"}, "Thanksgiving"),
    ],
)
def test_what_is_filled_in_wrongly(kind: str, given: dict[str, str], told: str) -> None:
    """It is refused at once, in words, before anything waits."""
    with pytest.raises(UsageError, match=told):
        named(kind).read(given, narrow(), SystemClock(NOW))


def test_no_such_kind() -> None:
    """The error names those that there are."""
    with pytest.raises(Unknown) as refused:
        named("drop")
    assert all(kind in refused.value.hint for kind in KINDS)
