"""`doctor --permissions` tells what may be seen by a session that is complete."""

import re
from datetime import UTC, datetime

import pytest

from collector.clock import SystemClock
from tests.support.command_line import gateway_beside, home

NIGHT_AFTER_THANKSGIVING = datetime(2026, 11, 27, 5, 27, tzinfo=UTC)
"""00:27 in New York: the last 23 hours held no session."""
Capsys = pytest.CaptureFixture[str]


def _lines(out: str) -> list[tuple[str, str]]:
    return re.findall(r"^(\S+) +permissions +PLTR (.*)$", out, re.MULTILINE)


def test_the_last_completed_session_is_asked_for(capsys: Capsys) -> None:
    """The night after a holiday bars of Wednesday come, of every series."""
    clock = SystemClock(NIGHT_AFTER_THANKSGIVING)
    with gateway_beside(clock) as gateway, home(clock, gateway.port) as account:
        done = account.call(capsys, "doctor", "--permissions")
    assert done.code == 0, done.out
    series = ("TRADES", "OPTION_IMPLIED_VOLATILITY", "option TRADES", "option BID", "option ASK")
    assert _lines(done.out) == [("ok", f"{one}: bars of 2026-11-25 came") for one in series]


@pytest.mark.parametrize(
    ("scenario", "mark", "words", "code"),
    [
        ("no-permission:share=1,hits=99", "bad", "No market data permissions", 1),
        ("silent-hole-everywhere:at_request=1", "?", "cannot tell, IB has no data of 2026-11-25", 0),
    ],
)
def test_what_came_instead_of_bars_is_told(capsys: Capsys, scenario: str, mark: str, words: str, code: int) -> None:
    """A refusal is bad in IB's words; an empty answer proves nothing, and is called neither good nor bad."""
    clock = SystemClock(NIGHT_AFTER_THANKSGIVING)
    with gateway_beside(clock, [scenario]) as gateway, home(clock, gateway.port) as account:
        done = account.call(capsys, "doctor", "--permissions")
    assert done.code == code, done.out
    told = [(found, line) for found, line in _lines(done.out) if found != "ok"]
    assert len(told) == 5, done.out
    assert {found for found, _ in told} == {mark}
    assert all(words in line for _, line in told)
