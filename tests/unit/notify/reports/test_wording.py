"""Figures, times and subjects as a person reads them."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from rich.console import Console

from collector.domain.masking import Mask
from collector.domain.reports.run_report import BackupReport, CopyReport, Environment, Expiring, GapCounts, RunReport
from collector.domain.reports.session_standing import SessionStanding
from collector.domain.run_vocabulary import RunStatus, Window
from collector.notify.reports import examples, wording
from collector.notify.reports.example_week import week
from collector.notify.reports.mail_rendering import Renderer
from collector.notify.reports.terminal_report import run_view


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "100.0 %"), (0.99999, "99.9 %"), (0.998, "99.8 %"), (0.0, "0.0 %"), (0.29, "29.0 %"), (None, "–")],
)
def test_percent_never_rounds_up_to_complete(share: float | None, words: str) -> None:
    """One missing slot in a hundred thousand still shows."""
    assert words == wording.percent(share)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (6760, "1 h 52 min"), (None, "–")]
)
def test_durations(seconds: float | None, words: str) -> None:
    """Long durations drop their seconds, short ones keep them."""
    assert words == wording.duration(seconds)


@pytest.mark.parametrize(
    ("number", "words"), [(999, "999 B"), (18_400_000_000, "18.4 GB"), (-2_500_000, "-2.5 MB"), (None, "–")]
)
def test_sizes(number: float | None, words: str) -> None:
    """Decimal units, one decimal."""
    assert words == wording.size(number)


@pytest.mark.parametrize(
    ("instant", "words"),
    [
        (datetime(2026, 11, 20, 21, 45, tzinfo=UTC), "Fri 2026-11-20 23:45 Israel · 16:45 New York"),
        (datetime(2026, 11, 20, 23, 0, tzinfo=UTC), "Sat 2026-11-21 01:00 Israel · Fri 18:00 New York"),
        # Between the two clock changes of autumn (25 October in Israel, 1 November in New York): six hours.
        (datetime(2026, 10, 28, 20, 45, tzinfo=UTC), "Wed 2026-10-28 22:45 Israel · 16:45 New York"),
    ],
)
def test_instants_in_both_zones(instant: datetime, words: str) -> None:
    """Seven hours apart most of the year, six in between; another day is named."""
    assert words == wording.both_zones(instant)


def test_subjects_sort_and_filter() -> None:
    """Window, session, state, then figures: always in this order."""
    success = examples.success()

    assert (
        wording.subject(success)
        == f"eod 2026-11-20 OK · 99.8 % · {success.bars - 237:,} option bars and 237 of underlyings"
    )
    assert wording.subject(examples.preflight_failed()) == "eod 2026-11-20 PREFLIGHT FAILED · gateway down"
    assert wording.subject(examples.intraday()).startswith("morning 2026-11-20 OK · 100.0 % covered · ")
    assert wording.subject(replace(success, expiring=Expiring(lost=3))).endswith(" · 3 lost")
    assert wording.week_subject(week()).startswith("week 2026-11-16 to 2026-11-20 1 failed, 1 partial · ")


def test_the_headline_says_whether_to_trust() -> None:
    """Complete, with care, or nothing at all: one sentence each."""
    complete = replace(examples.intraday())
    assert wording.headline(complete) == "Every expected slot of every series is covered."
    assert wording.headline(examples.partial()).startswith("Use these bars with care: 59,202 of 1,094,040 series-slots")
    assert "safely stored" in wording.headline(examples.failed())
    assert wording.headline(examples.preflight_failed()).startswith("Nothing was asked for")
    assert wording.headline(replace(examples.success(), status=RunStatus.RUNNING)).startswith("The run is still")
    assert wording.headline(replace(examples.success(), symbols=())).startswith("Nothing was due")


def _put_off(report: RunReport, deferred: int) -> RunReport:
    """Return the run with requests of its last symbol left to the next window."""
    *others, last = report.symbols
    return replace(report, symbols=(*others, replace(last, deferred=deferred)))


def _unasked(report: RunReport) -> RunReport:
    """Return the run as if it had sent no request."""
    return replace(report, symbols=tuple(replace(symbol, requests=0) for symbol in report.symbols))


@pytest.mark.parametrize(
    ("report", "headline", "subject"),
    [
        (
            _put_off(examples.success(), 1200),
            "Not all that was due was asked: 1,200 requests are deferred to the next window; ",
            "eod 2026-11-20 OK · 99.8 % · ",
        ),
        (
            _put_off(_unasked(examples.intraday()), 1),
            "Nothing was asked: 1 request is deferred to the next window.",
            "morning 2026-11-20 OK · 100.0 % covered · ",
        ),
        (
            _put_off(examples.partial(), 40),
            "Use these bars with care: 40 requests are deferred to the next window; 59,202 of 1,094,040 series-slots",
            "eod 2026-11-20 PARTIAL · ",
        ),
    ],
)
def test_what_is_left_to_the_next_window_is_said(report: RunReport, headline: str, subject: str) -> None:
    """A run that ran out of time does not sound complete: in its headline everywhere, and in its subject."""
    assert wording.headline(report).startswith(headline)
    assert wording.subject(report).startswith(subject)
    assert f" · {report.deferred:,} deferred" in wording.subject(report)
    console = Console(file=StringIO(), width=200, force_terminal=False)
    console.print(run_view(report, Mask()))
    mail = Renderer(Mask()).run(report)
    assert isinstance(console.file, StringIO)
    for text in (console.file.getvalue(), mail.text, mail.html, mail.brief):
        assert headline in text
        assert "is answered" not in text


def test_the_line_of_blocks() -> None:
    """Lowest and highest block at the ends of the scale, a space where nothing is known."""
    assert wording.sparkline([0.5, 1.0, None, 0.75], 0.5) == "▁█ ▄"


def _of(window: Window, **more: object) -> RunReport:
    """Return the report of a run that fetched nothing and went well."""
    values = {"run_id": 9, "window": window, "session": date(2026, 11, 20), "status": RunStatus.SUCCESS, **more}
    started = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    return RunReport(started=started, completed=started, **values)  # type: ignore[arg-type]  # as the class has them


COPIED = BackupReport(
    file="/kept/x.dump",
    bytes=71_300_000,
    seconds=12.5,
    kept=21,
    copies=(CopyReport(folder="/mnt/nas"), CopyReport(folder="/mnt/usb", problem="/mnt/usb is not there")),
)


def test_where_copies_lie() -> None:
    """Both are named: where a copy lies, and where none does, with the reason."""
    assert wording.copies(_of(Window.BACKUP, backup=COPIED)) == "/mnt/nas; not in /mnt/usb: /mnt/usb is not there"
    assert wording.copies(_of(Window.GAP_CHECK)) == ""


@pytest.mark.parametrize(
    ("report", "subject", "headline"),
    [
        (
            _of(Window.BACKUP, backup=BackupReport(file="/kept/x.dump", bytes=71_300_000, seconds=12.5, kept=21)),
            "backup 2026-11-20 OK · 71.3 MB",
            "The backup is made: 71.3 MB in /kept/x.dump; backups kept: 21.",
        ),
        (
            _of(Window.BACKUP, backup=COPIED),
            "backup 2026-11-20 OK · 71.3 MB · not copied",
            "The backup is made: 71.3 MB in /kept/x.dump; backups kept: 21. It is not copied: /mnt/usb is not there.",
        ),
        (
            _of(Window.CHAIN_REFRESH, environment=Environment(new_contracts=92)),
            "chain_refresh 2026-11-20 OK · 92 new contracts",
            "The option chains are read: 92 contracts are new.",
        ),
        (
            _of(Window.PRE_MARKET),
            "pre_market 2026-11-20 OK · 0 new contracts",
            "The gateway answers, and the option chains are read: 0 contracts are new.",
        ),
        (
            _of(Window.GAP_CHECK, gaps=GapCounts(opened=3, closed=2, still_open=36)),
            "gap_check 2026-11-20 OK · 36 open gaps",
            "The tables were looked through: 3 gaps are new, 2 closed, 36 open.",
        ),
        (
            _of(Window.WEEKLY, gaps=GapCounts(still_open=1)),
            "weekly 2026-11-20 OK · 1 open gap",
            "The tables were looked through: 0 gaps are new, 0 closed, 1 open.",
        ),
    ],
)
def test_windows_that_fetch_no_bars_do_not_speak_of_them(report: RunReport, subject: str, headline: str) -> None:
    """Each says what it did, in subject, headline, terminal and mail; none counts bars."""
    assert wording.subject(report) == subject
    assert wording.headline(report) == headline
    console = Console(file=StringIO(), width=120, force_terminal=False)
    console.print(run_view(report, Mask()))
    mail = Renderer(Mask()).run(report)
    assert isinstance(console.file, StringIO)
    for text in (console.file.getvalue(), mail.text, mail.html):
        assert not re.search(r"\d bars|bars/s|\bBars\b|requests", text)


def test_a_run_without_a_row_shows_no_number() -> None:
    """Where no row could be written there is no number to show; a run refused by the gateway has one."""
    refused = examples.preflight_failed()
    for run_id, shown in ((0, False), (17, True)):
        report = replace(refused, run_id=run_id)
        console = Console(file=StringIO(), width=120, force_terminal=False)
        console.print(run_view(report, Mask()))
        assert isinstance(console.file, StringIO)
        assert ("run 17" in console.file.getvalue()) is shown
        assert "run 0" not in console.file.getvalue()
        assert ("Run 17, attempt" in Renderer(Mask()).run(report).text) is shown


COMPLETE = SessionStanding(contracts=4, completeness=1.0)
AWAITING = SessionStanding(contracts=4, completeness=0.9, unsettled=1200, awaiting=1200)
PARTIAL = SessionStanding(contracts=4, completeness=0.99999, open_slots=3)
LOST = SessionStanding(contracts=4, completeness=0.99, open_slots=1, lost_slots=2)
NOTHING = SessionStanding()


@pytest.mark.parametrize(
    ("found", "words", "level"),
    [
        ([COMPLETE, COMPLETE], "Fri 20 Nov can be trusted: every expected slot of every series is settled.", "good"),
        (
            [COMPLETE, AWAITING],
            (
                "Fri 20 Nov can be trusted but for what awaits confirmation: PLTR 100.0 % complete; "
                "SPY awaits confirmation: 90.0 % complete, 1,200 await confirmation."
            ),
            "good",
        ),
        (
            [COMPLETE, PARTIAL],
            "Use Fri 20 Nov with care: PLTR 100.0 % complete; SPY partial: 99.9 % complete, 3 series-slots open.",
            "warning",
        ),
        (
            [AWAITING, LOST],
            (
                "Use Fri 20 Nov with care: PLTR awaits confirmation: 90.0 % complete, 1,200 await confirmation; "
                "SPY lost in part: 99.0 % complete, 1 series-slot open, 2 lost."
            ),
            "bad",
        ),
        ([COMPLETE, NOTHING], "Use Fri 20 Nov with care: PLTR 100.0 % complete; SPY not collected.", "warning"),
        ([NOTHING, NOTHING], "Nothing was collected of Fri 20 Nov.", "bad"),
        ([], "Nothing was collected of Fri 20 Nov.", "bad"),
    ],
)
def test_whether_a_session_can_be_trusted(found: list[SessionStanding], words: str, level: str) -> None:
    """One sentence; what is less than complete is named by symbol, with how much of it."""
    by_symbol = dict(zip(("PLTR", "SPY"), found, strict=False))

    assert wording.trust(date(2026, 11, 20), by_symbol) == words
    assert wording.trust_level(by_symbol.values()) == level


def test_many_symbols_of_a_session_are_one_sentence() -> None:
    """Those that stand alike are said together; of many that differ the worst are named, and the others counted."""
    day = date(2026, 11, 20)
    some = {"SPY": COMPLETE, "PLTR": COMPLETE, **{f"S{number}": NOTHING for number in range(38)}}
    assert wording.trust(day, some) == (
        "Use Fri 20 Nov with care: SPY, PLTR 100.0 % complete; S0, S1, S2, S3 and 34 more not collected."
    )
    each = {f"S{number}": replace(PARTIAL, open_slots=number) for number in range(1, 39)}
    assert wording.trust(day, {"SPY": COMPLETE, **each, "TSLA": LOST}) == (
        "Use Fri 20 Nov with care: TSLA lost in part: 99.0 % complete, 1 series-slot open, 2 lost; "
        "S1 partial: 99.9 % complete, 1 series-slot open; S2 partial: 99.9 % complete, 2 series-slots open; "
        "S3 partial: 99.9 % complete, 3 series-slots open; and 36 more symbols."
    )
