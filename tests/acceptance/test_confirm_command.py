"""What a person sees of empty answers: when to confirm and by which command, a session to accept, exit codes."""

from datetime import timedelta

import pytest

from collector.clock import SystemClock
from tests.support.command_line import gateway_beside, home
from tests.support.dark_contracts import HalfDark, OneDark
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

EOD = ("run", "--window", "eod")
HOURS = 8 * 3600.0


def test_a_run_by_hand_says_when_to_confirm_it_and_how(capsys: pytest.CaptureFixture[str]) -> None:
    """A success that ends with the command; typed half an hour later it confirms, and there is nothing more to say."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with (
        gateway_beside(clock, [OneDark(after_s=0.0, for_s=HOURS)]) as gateway,
        home(clock, gateway.port) as account,
    ):
        first = account.call(capsys, *EOD)
        assert first.code == 0
        assert "await confirmation" in first.out
        *_, when, schedule = first.out.strip().splitlines()
        assert when.startswith("Confirm from Sat 2026-11-21 00:3")
        assert when.endswith("New York with: collector run --window eod --date 2026-11-20 --symbols PLTR")
        assert schedule == "The schedule does it by itself."
        listed = account.call(capsys, "coverage", "list", "--session", "2026-11-20", "--json").document
        waiting = [one for one in listed if one["state"] == "awaiting"]
        assert sorted(one["what_to_show"] for one in waiting) == ["ASK", "BID", "TRADES"]
        assert len({one["contract_symbol"] for one in waiting}) == 1
        assert {(one["first_run_id"], one["first_login"]) for one in waiting} == {(1, f"127.0.0.1:{gateway.port}/17")}
        assert all(one["state"] == "single_witness" for one in listed if one not in waiting)
        clock.set(clock.now() + timedelta(minutes=32))
        typed = when.rpartition("collector ")[2].split()
        assert account.call(capsys, *typed, "--json").document["symbols"][0]["awaiting"] == 0
        (symbol,) = account.call(capsys, "status", "--json").document["symbols"]
        assert (symbol["completeness"], symbol["awaiting"]) == (1.0, 0)


def test_a_session_that_really_was_so_empty_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3, and `status` warns, until the session is accepted; then what is confirmed settles at once."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with (
        gateway_beside(clock, [HalfDark(after_s=0.0, for_s=HOURS)]) as gateway,
        home(clock, gateway.port) as account,
    ):
        first = account.call(capsys, *EOD)
        assert first.code == 3
        assert "Confirm from" not in first.out
        assert "Do not trust Fri 20 Nov" in account.call(capsys, "status").out
        clock.set(clock.now() + timedelta(minutes=32))
        assert account.call(capsys, *EOD).code == 3
        asked = len(gateway.log.historical)
        accepted = account.call(capsys, "coverage", "accept", "--session", "2026-11-20")
        assert accepted.code == 0
        assert accepted.out.strip().startswith("2026-11-20 is accepted as empty as it looks: 15 empty series settled,")
        assert accepted.out.strip().endswith("; 0 await confirmation")
        assert len(gateway.log.historical) == asked
        assert "Do not trust" not in account.call(capsys, "status").out
        assert account.call(capsys, *EOD).code == 0
