"""Mails from reports: every template, both parts, no secrets, no markup from outside."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from html.parser import HTMLParser

import pytest

from collector.config.notify_settings import Severity
from collector.domain.masking import Mask
from collector.domain.reports.run_report import FailureReport, OutcomeCount, RunReport, SymbolReport
from collector.domain.reports.week_report import WeekReport, WeekRun
from collector.domain.run_vocabulary import RunStatus, Stage, Window
from collector.notify.alerts.alert_memory import AlertMemory, Judgement
from collector.notify.alerts.alert_rules import Alert, Rule
from collector.notify.channels.mail_message import Mail
from collector.notify.reports import examples
from collector.notify.reports.example_mails import Example, example_mail
from collector.notify.reports.example_week import week
from collector.notify.reports.mail_rendering import Renderer, page

SITE = "http://127.0.0.1:8321"
RENDERER = Renderer(Mask(), site=SITE)
NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
VOID = {"meta", "img", "br", "hr"}


MAKERS = tuple(str(kind) for kind in Example)


@cache
def _example(kind: str) -> Mail:
    return example_mail(Example(kind), RENDERER)


class _Checker(HTMLParser):
    """Checks that elements nest, that nothing is fetched from elsewhere, and that every picture is inside."""

    def __init__(self, pictures: set[str]) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures = pictures
        self.seen: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "iframe", "object", "form", "video")
        for name, value in attrs:
            assert not name.startswith("on")
            assert "url(" not in (value or "")
            if tag == "a" and name == "href":
                assert (value or "").startswith(f"{SITE}/")  # what a person may follow, and nothing fetches
            elif name in ("src", "href", "background"):
                assert (value or "").startswith("cid:")
                self.seen.add((value or "").removeprefix("cid:"))
            if tag == "img" and name == "alt":
                assert value
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title"):
            self.words.append(data)


def _checked(mail: Mail) -> _Checker:
    checker = _Checker(set(mail.pictures))
    checker.feed(mail.html)
    checker.close()
    assert checker.open == []
    assert checker.seen == set(mail.pictures)
    return checker


@pytest.mark.parametrize("kind", MAKERS)
def test_every_mail_is_sound(kind: str) -> None:
    """Elements nest, nothing is remote, pictures match, subject and text are there."""
    mail = _example(kind)
    _checked(mail)

    assert mail.subject.startswith("[collector] ")
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", mail.name)
    assert "{{" not in mail.text + mail.html
    assert "None" not in mail.text
    assert mail.text.count("\n") > 8
    assert len(mail.html.encode()) <= 100_000  # beyond that some programs cut a mail off
    assert "cid:" not in page(mail)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_text_part_is_as_good_as_the_html(kind: str) -> None:
    """Every figure that the HTML shows outside its pictures is in the text too."""
    mail = _example(kind)
    words = " ".join(_checked(mail).words)
    scales = re.compile(r"scale [\d.]+ % to 100 %|0 to [\d.]+( s| ms)?|after [\w ]+")
    figures = set(re.findall(r"\d[\d,.]*\d", scales.sub("", words)))

    text_figures = set(re.findall(r"\d[\d,.]*\d", mail.text))
    assert figures - text_figures <= _only_in_pictures_and_cards(mail)


def _only_in_pictures_and_cards(mail: Mail) -> set[str]:
    """Figures of the pictures' axes: hours, dates of expirations, strikes."""
    captions = re.findall(r'<td class="axis.*?</td>', mail.html, re.DOTALL)
    captions += re.findall(r">(\d\d:\d\d(?: New York)?)</td>", mail.html)
    captions += re.findall(r"\d\d:\d\d \(due|due \d\d:\d\d", mail.html)
    return {figure for caption in captions for figure in re.findall(r"\d[\d,.]*\d", caption)}


def test_a_mail_of_many_symbols_and_sessions_stays_short() -> None:
    """Forty symbols and three months of sessions fit: what is not drawn or listed is counted."""
    report = examples.partial()
    symbols = tuple(replace(report.symbols[n % 3], symbol=f"S{n}") for n in range(40))
    sessions = tuple(replace(examples.gap_fill().sessions[0], symbol=f"S{n}") for n in range(60))
    mail = RENDERER.run(replace(report, symbols=symbols, sessions=sessions))
    _checked(mail)
    assert len(mail.html.encode()) <= 100_000
    assert len([name for name in mail.pictures if name.startswith("coverage")]) == 12
    assert "Pictures of 34 further symbols are on the run's page." in mail.html.replace("&#39;", "'")
    assert "and 30 more" in mail.html
    assert mail.text.count("· S") == 60


@pytest.mark.parametrize("part", ["html", "text"])
def test_a_mail_links_to_its_page(part: str) -> None:
    """A run's to the run's, the week's to the first page; without pages to none."""
    for mail, address in (
        (_example("partial"), f"{SITE}/runs/1841"),
        (_example("at_work"), f"{SITE}/runs/1841"),
        (_example("weekly"), f"{SITE}/"),
    ):
        assert re.findall(rf"{SITE}[^\s\"<]*", getattr(mail, part)) == [address]
    bare = Renderer(Mask(), pictures=False).run(examples.partial())
    assert "href=" not in bare.html
    assert "on its page" not in bare.text


@pytest.mark.parametrize("part", ["html", "text"])
def test_a_failure_says_what_was_saved_and_how_to_go_on(part: str) -> None:
    """Error, saved, checklist, exact command, log, and the traceback attached."""
    mail = _example("failed")
    words = " ".join(_checked(mail).words) if part == "html" else mail.text

    assert "ArithmeticError" in words
    assert "are safely stored" in words
    assert "This error was not foreseen" in words
    assert "collector run --window eod --date 2026-11-20" in words
    assert "logs/collector-2026-11-20.jsonl" in words
    (traceback,) = mail.attachments
    assert traceback.text.startswith("Traceback (most recent call last)")


@pytest.mark.parametrize("part", ["html", "text"])
def test_an_alert_names_its_heading_in_the_operations(part: str) -> None:
    """Below each alert stands where the page of operations says what it means and what to do."""
    alert = Alert(rule=Rule.DISK_LOW, severity=Severity.WARNING, key="disk_low", text="The disk is nearly full.")
    judgement = Judgement(send=True, tell=(alert,), recovered=(), memory=AlertMemory())
    mail = Renderer(Mask(())).run(examples.success(), judgement)
    words = " ".join(_checked(mail).words) if part == "html" else mail.text
    assert "docs/operations.md: disk_low" in words


def test_markup_and_line_ends_from_outside_are_text() -> None:
    """A symbol or an error text cannot open an element, break a table's line or turn the writing around."""
    report = replace(
        examples.partial(),
        symbols=(SymbolReport(symbol='<b onclick="x">\r\nSPY\u202e', error="<script>alert(1)</script>\x00"),),
        errors=(OutcomeCount(outcome=examples.partial().errors[0].outcome, count=1, examples=("<img src=x>\nline",)),),
    )
    mail = RENDERER.run(report)
    words = " ".join(_checked(mail).words)

    assert '<b onclick="x"> SPY' in words
    assert "<script>alert(1)</script>" in words
    assert "\u202e" not in mail.html + mail.text
    assert "\x00" not in mail.html + mail.text
    assert '<b onclick="x"> SPY' in mail.text


def test_planted_secrets_appear_nowhere() -> None:
    """Error text, hint, traceback, log path, symbol errors, host: whatever holds a secret is masked in every part."""
    secret = "hunter2-and-more"  # noqa: S105 - planted on purpose
    dsn = f"postgresql://bob:{secret}@db.lan/options"
    report = examples.failed()
    assert report.failure is not None
    planted = replace(
        report,
        host=dsn,
        log_path=f"/var/{secret}.log",
        symbols=(replace(report.symbols[0], error=f"password={secret}"),),
        failure=FailureReport(
            stage=Stage.STORE,
            cause=report.failure.cause,
            message=f"cannot connect to {dsn}",
            hint=f"tried {secret}",
            resume=f"collector run --url {dsn}",
            saved=f"saved in {dsn}",
            log_path=dsn,
            traceback=f'Traceback\n  connect("{dsn}")\nOSError: {secret}\n',
        ),
    )
    mail = Renderer(Mask([secret])).run(planted)
    everything = (
        mail.subject + mail.brief + mail.text + mail.html + mail.name + "".join(a.text for a in mail.attachments)
    )

    assert secret not in everything
    assert "db.lan" not in everything


@pytest.mark.parametrize(
    "report",
    [
        examples.partial(),
        examples.implausible(),
        replace(examples.success(), status=RunStatus.PARTIAL),
        replace(examples.success(), symbols=tuple(replace(s, deferred=1) for s in examples.success().symbols)),
    ],
)
def test_only_a_complete_run_is_back_to_normal(report: RunReport) -> None:
    """An outage that an incomplete run ends is said to be over, with what it cost, below what is not well."""
    judged = Judgement(send=True, tell=(), recovered=examples.recovered_conditions(), memory=AlertMemory())
    mail = RENDERER.run(report, judged)

    assert mail.subject.startswith("[collector] eod 2026-11-20 ")
    for part in (mail.subject, mail.brief, mail.text, mail.html):
        assert not re.search("recovered|back to normal|works again|made good", part, re.IGNORECASE)
    for part in (mail.text, " ".join(_checked(mail).words)):
        assert "cannot be reached: 127.0.0.1:4001 refuses the connection" in part
        assert "seen 3 times" in part
        assert "late night of" in part


def test_pictures_can_be_switched_off() -> None:
    """The mail goes out without them, and says the same in words."""
    mail = Renderer(Mask(), pictures=False).run(examples.partial())

    assert not mail.pictures
    assert "<img" not in mail.html
    assert "83.6 %" in mail.html


def test_the_barest_reports_render() -> None:
    """A run of which nothing is known yet, and a week without runs."""
    for status in RunStatus:
        bare = RunReport(run_id=0, window=Window.MANUAL, session=examples.SESSION, status=status, started=NOW)
        _checked(RENDERER.run(bare))
    week = WeekReport(first=examples.SESSION, last=examples.SESSION, made_at=NOW, sessions=0)
    _checked(RENDERER.week(week))


def test_windows_of_the_owners_stand_below_the_built_in_ones() -> None:
    """The week's grid has them by name, and its columns stay under each other however long a name is."""
    days = (date(2026, 11, 19), date(2026, 11, 20))
    names = ("power_hour", "late_night", "an_hour_with_a_very_long_name", "morning")
    runs = [WeekRun(session=day, window=Window(name), status=RunStatus.SUCCESS) for name in names for day in days]
    mail = RENDERER.week(replace(week(), runs=tuple(runs), missed=()))
    _checked(mail)
    lines = mail.text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split() == ["Thu", "19", "Fri", "20"])
    grid = [line for line in lines[start : start + 9] if line.strip()][:5]
    words = ["morning", "late night", "an hour with a very long name", "power hour"]
    assert [line.split("  ")[0].removesuffix(" ok") for line in grid[1:]] == words
    assert {line.rindex("ok") - grid[0].rindex("Fri") for line in grid[1:]} == {0}


def test_two_mails_of_one_run_have_one_name() -> None:
    """Told again after a crash, a mail is the same mail."""
    assert example_mail(Example.FAILED, RENDERER).name == _example("failed").name
    assert _example("failed").name != _example("partial").name
