"""What reports say of empty answers: sessions that nobody can believe, what awaits, what one witness settled."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from collector.cli.inspect import status as status_command
from collector.config.notify_settings import AlertSettings, Severity
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.bookkeeping.session_statistics import Measured
from collector.db.readers.day_status import Overview, SymbolStatus
from collector.domain.coverage.evidence import EmptySession
from collector.domain.masking import Mask
from collector.domain.reports.run_report import Expiring, GapCounts, RunReport
from collector.domain.run_vocabulary import GapState, RunStatus
from collector.market.calendar import Calendar
from collector.notify.alerts.alert_memory import AlertMemory, Judgement, judge
from collector.notify.alerts.alert_rules import Rule, run_alerts
from collector.notify.reports import examples, wording
from collector.notify.reports.example_week import week
from collector.notify.reports.mail_rendering import Renderer
from collector.notify.reports.terminal_report import run_view, week_view

FRIDAY, THURSDAY = date(2026, 11, 20), date(2026, 11, 19)
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SETTINGS = AlertSettings()
DARK = "22 of 22 contracts of PLTR have no bar at all"
LATER = "Nothing of what came back empty is settled; the next window asks again."


def shown(view: RenderableType) -> str:
    """Return what a wide terminal shows."""
    console = Console(file=StringIO(), width=200, force_terminal=False)
    console.print(view)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def everywhere(report: RunReport) -> Sequence[str]:
    """Return the report as each reader gets it."""
    mail = Renderer(Mask(), pictures=False).run(report)
    return shown(run_view(report, Mask())), mail.text, mail.html


def empty(symbol: str, words: str, session: date = FRIDAY) -> EmptySession:
    """Return a session that looks too empty."""
    return EmptySession(symbol=symbol, session=session, words=words)


@pytest.mark.parametrize(
    ("found", "first"),
    [
        (
            [empty("PLTR", "22 of 22 contracts have no bar at all")],
            "Do not trust Fri 20 Nov: 22 of 22 contracts of PLTR have no bar at all. ",
        ),
        (
            [empty("SPY", "9 of 90 contracts near the money have no ASK bar")],
            "Do not trust Fri 20 Nov: 9 of 90 contracts of SPY near the money have no ASK bar. ",
        ),
        (
            [empty("ALL", "300 of 4,598 contracts have no bar at all")],
            "Do not trust Fri 20 Nov: 300 of 4,598 contracts have no bar at all. ",
        ),
        (
            [
                empty("PLTR", "22 of 22 contracts have no bar at all"),
                empty("PLTR", "20 of 22 contracts have no bar at all", THURSDAY),
                empty("SPY", "90 of 90 contracts have no bar at all"),
            ],
            f"Do not trust Thu 19 Nov, Fri 20 Nov: {DARK}; {DARK.replace('22 of', '20 of', 1)}; and 1 more. ",
        ),
    ],
)
@pytest.mark.parametrize("status", [RunStatus.PARTIAL, RunStatus.FAILED])
def test_a_session_that_nobody_can_believe_comes_first(
    found: list[EmptySession], first: str, status: RunStatus
) -> None:
    """However the run ended: the first sentence, and the first line of the mail that a phone shows."""
    report = replace(examples.implausible(), implausible=tuple(found), status=status)
    assert wording.headline(report) == first + LATER
    mail = Renderer(Mask(), pictures=False).run(report)
    assert mail.brief.startswith(first[:200])
    assert mail.html.index(first) < mail.html.index("<table")  # the preheader
    assert mail.text.startswith(first)


def test_a_recovery_does_not_hide_it() -> None:
    """The run that ends an outage and finds such a session does not say that all is well; what is over stands below."""
    judged = Judgement(send=True, tell=(), recovered=examples.recovered_conditions(), memory=AlertMemory())
    mail = Renderer(Mask(), pictures=False).run(examples.implausible(), judged)
    assert "RECOVERED" not in mail.subject
    assert mail.text.startswith("Do not trust Fri 20 Nov: ")
    assert "IB's gateway cannot be reached" in mail.text


def test_the_subject_names_the_symbols() -> None:
    """Whoever filters by subject finds them; over all symbols it is any of them."""
    report = examples.implausible()
    assert wording.subject(report).startswith("eod 2026-11-20 PARTIAL · do not trust PLTR · 77.7 % · ")
    over_all = replace(report, implausible=(empty("ALL", "300 of 4,598 contracts have no bar at all"),))
    assert " · do not trust any symbol · " in wording.subject(over_all)


def test_what_to_do_about_it() -> None:
    """The checklist says that nothing is lost, who is at risk, and how to accept the session as it looks."""
    for text in everywhere(examples.implausible())[:2]:
        words = " ".join(text.replace("│", " ").split())
        assert "Nothing is lost yet" in words
        assert "Contracts that expire on the session are at risk" in words
        assert "collector coverage accept --session 2026-11-20" in words


def test_it_is_an_alert_once_a_session() -> None:
    """Critical, told at once, with the command; the same session is not told again, another is."""
    report = examples.implausible()
    (alert,) = [one for one in run_alerts(report, SETTINGS, NOW) if one.rule is Rule.SESSION_IMPLAUSIBLE]
    assert alert.severity is Severity.CRITICAL
    assert "1,040 of 1,040 contracts have no bar at all" in alert.text
    assert alert.what_to_do.endswith("collector coverage accept --session 2026-11-20")
    told = judge(report, AlertMemory(), SETTINGS, NOW)
    again = judge(replace(report, attempt=2), told.memory, SETTINGS, NOW)
    assert Rule.SESSION_IMPLAUSIBLE not in {one.rule for one in again.tell}
    other = replace(report, implausible=(empty("PLTR", "5 of 9 contracts have no bar at all", THURSDAY),))
    assert Rule.SESSION_IMPLAUSIBLE in {one.rule for one in judge(other, told.memory, SETTINGS, NOW).tell}


def test_what_awaits_is_neither_unknown_nor_a_gap() -> None:
    """Counts of its own, with the time of asking again, in terminal and mail; nothing of it where there is none."""
    report = examples.success()
    assert report.awaiting == sum(one.expected - one.settled for one in report.symbols) == 2106
    assert wording.headline(report) == (
        "All that this window was due to ask is answered; 2,106 of 1,094,040 series-slots await confirmation."
    )
    for text in everywhere(report):
        assert "2,106 series-slots, asked again from " in text
        assert f"{report.single_witness:,} series-slots" in text
        assert "407 saved" in text
        assert "3 await confirmation" in text
    bare = tuple(replace(one, awaiting=0, single_witness=0) for one in report.symbols)
    for text in everywhere(replace(report, symbols=bare, expiring=Expiring(saved=410))):
        assert "await" not in text.lower()
        assert "single-witness" not in text.lower()


def test_some_of_what_is_missing_awaits() -> None:
    """What else is missing is not called awaiting."""
    report = examples.success()
    *others, last = report.symbols
    some = replace(report, symbols=(*others, replace(last, awaiting=100)))
    assert "2,106 of 1,094,040 series-slots are not settled yet, 100 of them await confirmation" in wording.headline(
        some
    )


def test_a_week_counts_them_too() -> None:
    """Beside completeness, by symbol."""
    mail = Renderer(Mask(), pictures=False).week(week())
    for text in (shown(week_view(week(), Mask())), mail.text, mail.html):
        assert "2,418 single-witness" in text
        assert "702 await confirmation" in text


CONFIRMED = replace(examples.success(), confirming=True, attempt=2, confirm_at=None)


@pytest.mark.parametrize(
    ("report", "mails"),
    [
        (CONFIRMED, False),
        (replace(CONFIRMED, symbols=()), False),
        (replace(CONFIRMED, status=RunStatus.PARTIAL), True),
        (replace(CONFIRMED, status=RunStatus.FAILED), True),
        (replace(CONFIRMED, expiring=Expiring(lost=1)), True),
        (replace(CONFIRMED, gaps=GapCounts(lost=1)), True),
        (replace(examples.implausible(), confirming=True), True),
        (replace(CONFIRMED, confirming=False), True),
    ],
)
def test_an_attempt_that_only_confirms_mails_nobody(report: RunReport, mails: bool) -> None:
    """Eod's mail has gone out before; another goes out where the verdict has changed."""
    assert judge(report, AlertMemory(), SETTINGS, NOW).send is mails


def test_confirming_ends_no_condition_that_lasts() -> None:
    """A disk that is still nearly full is not told as recovered by a run that mails nobody."""
    full = replace(examples.success().environment, disk_used=0.97)
    first = judge(replace(examples.success(), environment=full), AlertMemory(), SETTINGS, NOW)
    assert Rule.DISK_LOW in {one.rule for one in first.memory.conditions}
    second = judge(replace(CONFIRMED, environment=full), first.memory, SETTINGS, NOW)
    assert (second.send, second.recovered) == (False, ())
    assert Rule.DISK_LOW in {one.rule for one in second.memory.conditions}


def status_page(*, awaiting: int = 0, single: int = 0, implausible: tuple[EmptySession, ...] = ()) -> Overview:
    """Return a status page of ten contracts of PLTR."""
    counts = {"expected": 2340, "covered": 2340, "settled": 2340 - awaiting}
    verdicts = {"slots": 780, "traded": 500, "no_trade": 280, "unknown": 0}
    measured = Measured(
        contracts=10,
        contracts_settled=9,
        **counts,
        **verdicts,
        awaiting=awaiting,
        single_witness=single,
        rows=780,
        first_bar=None,
        last_bar=None,
    )
    none = dict.fromkeys(GapState, GapTotal())
    session = Calendar().session("PLTR", FRIDAY)
    symbol = SymbolStatus(symbol="PLTR", session=session, measured=measured, bars=None, quality=None, gaps=none, own={})
    return Overview(
        day=FRIDAY,
        runs=(),
        symbols=(symbol,),
        implausible=implausible,
        gaps=none,
        dead_letters=0,
        lock_holder=None,
        database_bytes=0,
    )


def test_status_shows_them_beside_completeness() -> None:
    """Columns of their own where anything awaits; a session that nobody can believe stands at the top; JSON has all."""
    found = empty("PLTR", "22 of 22 contracts have no bar at all")
    page = status_page(awaiting=234, single=78, implausible=(found,))
    console = Console(file=StringIO(), width=200, force_terminal=False)
    status_command.show(page, console)
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "Do not trust Fri 20 Nov: 22 of 22 contracts of PLTR have no bar at all." in text
    assert text.index("Do not trust") < text.index("single-witness")
    assert " 234 " in text
    document = json.loads(json.dumps(status_command.document(page), default=str))
    assert document["implausible"] == [{"symbol": "PLTR", "session": "2026-11-20", "words": found.words}]
    assert [document["symbols"][0][key] for key in ("awaiting", "single_witness")] == [234, 78]
    plain = Console(file=StringIO(), width=200, force_terminal=False)
    status_command.show(status_page(), plain)
    assert isinstance(plain.file, StringIO)
    assert "awaiting" not in plain.file.getvalue()
