"""`collector why`, as a person asks: one screen for a value, a sentence for each cause, counts for a session."""

import pytest

from collector.clock import SystemClock
from collector.simulator.scenarios import named
from tests.support.command_line import gateway_beside, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

EOD = ("run", "--window", "eod")
AT = ("--at", "2026-11-20 15:30")


def test_a_value_accounts_for_itself_on_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """The same slot however contract and instant are written; which request brought it; Greeks computed again; JSON."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with gateway_beside(clock) as gateway, home(clock, gateway.port) as account:
        assert account.call(capsys, *EOD).code == 0
        screen = account.call(capsys, "why", "PLTR 261120C00195000", *AT)
        assert screen.code == 0, screen.err
        lines = screen.out.splitlines()
        assert len(lines) <= 25
        assert lines[0].startswith("PLTR 261120C00195000 (contract ")
        assert lines[0].endswith(", expires 2026-11-20, strike 195 call)")
        assert lines[1] == "2026-11-20 15:30 to 15:35 New York (2026-11-20 20:30 UTC)"
        brought = [line for line in lines if "brought by the request of 2026-11-20 17:" in line]
        assert len(brought) == 2
        assert "TRADES    no trade; settled" in lines
        login = f"login 127.0.0.1:{gateway.port}/17"
        assert all(f"by run 1 (eod of 2026-11-20), {login} for 09:30–16:00" in line for line in brought)
        assert all(line.endswith("its checksum is that of what is stored") for line in brought)
        assert any(line.startswith("inputs    spot ") and "rate 4.0000%" in line for line in lines)
        assert "again     computed again from these inputs: equal to the last digit" in lines

        spellings = (
            "PLTR261120C00195000",
            "PLTR  261120C00195000",
            "pltr 2026-11-20 195 call",
            "PLTR 2026-11-20 C 195.0",
        )
        for name in spellings:
            assert account.call(capsys, "why", name, *AT).out == screen.out
        for at in ("2026-11-20T20:33Z", "2026-11-20 22:30 Asia/Jerusalem", "2026-11-20T15:30:00-05:00"):
            assert account.call(capsys, "why", "PLTR 261120C00195000", "--at", at).out == screen.out

        told = account.call(capsys, "why", "PLTR 261120C00195000", *AT, "--json").document
        assert told["explained"] is True
        assert told["data_set"] == "option_bars_5min"
        assert [one["brought"]["proof"] for one in told["series"]] == ["record", "checksum", "checksum"]
        assert told["greeks"]["recomputed"]["equal"] is True

        own = account.call(capsys, "why", "PLTR", *AT)
        assert own.out.startswith("PLTR (5 mins)\n")
        assert own.out.count("its checksum is that of what is stored") == 2

        counts = account.call(capsys, "why", "--session", "2026-11-20", "--symbol", "PLTR").out
        assert "expected  2,340 series-slots of 10 contracts; 0 not final" in counts
        assert "brought bars; 1,883 bars" in counts


def test_what_is_not_known_is_refused_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown contract names the nearest ones; words that mean nothing and lone options say what to write."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with gateway_beside(clock) as gateway, home(clock, gateway.port) as account:
        assert account.call(capsys, *EOD).code == 0
        unknown = account.call(capsys, "why", "PLTR 2026-11-20 400 C", *AT)
        assert (unknown.code, unknown.complaint.splitlines()[0]) == (2, "no contract PLTR 2026-11-20 400 C is known")
        assert "The nearest known ones: PLTR 261120C00395000, PLTR 261120C00390000," in unknown.err
        for words, complaint in (
            (("XYZ", *AT), "'XYZ' names neither a contract nor an underlying that is known"),
            (("999999999", *AT), "no contract has the id 999999999"),
            (("PLTR", "--at", "half past three"), "'half past three' is no instant"),
            (("PLTR", "--at", "2026-11-20 15:30 Mars/Olympus"), "'Mars/Olympus' is no time zone"),
            (("PLTR", "--bars", "7 mins", *AT), "no bars of '7 mins' are kept of underlyings"),
            (("PLTR", "--at", "2026-11-20 16:00"), "2026-11-20 16:00 in New York is outside the session of PLTR"),
            (
                ("PLTR 261120C00195000", "--at", "2026-11-20 03:00"),
                "2026-11-20 03:00 in New York is outside the session of PLTR",
            ),
            (("PLTR", "--at", "2026-11-21 15:30"), "2026-11-21 is no trading session: it is a Saturday."),
            (("PLTR",), "why needs a contract and an instant"),
            (("--missing", "--day", "2026-11-20"), "why --missing needs a contract or a symbol, and a day"),
            (("--session", "2026-11-20"), "why --session needs a symbol"),
        ):
            done = account.call(capsys, "why", *words)
            assert (done.code, done.complaint) == (2, complaint)
        holiday = account.call(capsys, "why", "--missing", "--symbol", "PLTR", "--day", "2026-11-26")
        assert holiday.code == 2


def test_what_is_missing_is_told_a_sentence_a_cause(capsys: pytest.CaptureFixture[str]) -> None:
    """Requests without an answer leave open gaps that say how often they were asked; what was not wanted says so."""
    clock = SystemClock(AFTER_THE_CLOSE)
    refused = named("no-permission", series="ASK", hits=9999, share=1.0)
    with gateway_beside(clock, [refused]) as gateway, home(clock, gateway.port) as account:
        assert account.call(capsys, *EOD).code == 3
        day = ("--day", "2026-11-20")
        found = account.call(capsys, "why", "--missing", "--contract", "PLTR 261120C00195000", *day)
        assert found.code == 0, found.err
        first, *others = found.out.splitlines()
        assert first.startswith("09:30–16:00 ASK: asked once, last 2026-11-20 17:0")
        assert ", was refused for want of a permission (162 Historical Market Data Service error" in first
        assert first.endswith("; open gap, late_night asks again.")
        assert "74 bars without volatility: the slot has neither a quote nor a trade." in others
        whole = account.call(capsys, "why", "--missing", "--symbol", "PLTR", *day)
        assert whole.out.startswith("ASK, 10 contracts, 780 slots (09:30–16:00): asked once, last 2026-11-20 17:0")
        told = account.call(capsys, "why", "--missing", "--symbol", "PLTR", *day, "--json").document
        assert [(hole["cause"], hole["instruments"], hole["slots"]) for hole in told["holes"]] == [("failed", 10, 780)]
        assert told["sentences"] == whole.out.splitlines()
        before = account.call(capsys, "why", "--missing", "--contract", "PLTR 261120C00195000", "--day", "2026-11-19")
        unwanted = "The contract was not selected on 2026-11-19, so that none of its bars were asked for"
        assert before.out == f"{unwanted}; it is known since 2026-11-20.\n"
        never = account.call(capsys, "why", "--missing", "--symbol", "PLTR", "--day", "2026-11-19")
        assert never.out == "No selection of contracts of PLTR is on record for 2026-11-19: nothing was expected.\n"
        never = account.call(capsys, "why", "--missing", "--contract", "PLTR", "--day", "2026-11-19")
        assert never.out == "No bars of PLTR are expected on 2026-11-19.\n"
        own = account.call(capsys, "why", "--missing", "--contract", "PLTR", *day)
        assert own.out == "Nothing is missing on 2026-11-20.\n"
