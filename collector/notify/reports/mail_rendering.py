"""Render reports as mails.

From a report to a mail: subject, text, HTML, pictures. Every text passes the mask before it reaches a template.
"""

import base64
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from collector.config.notify_settings import Severity
from collector.domain.conditions import Condition
from collector.domain.masking import Mask
from collector.domain.reports.comparison import COMPARED_SESSIONS, PastRun
from collector.domain.reports.coverage_grid import Holding
from collector.domain.reports.run_report import RunReport
from collector.domain.reports.week_report import WeekReport
from collector.domain.run_vocabulary import BUILT_IN, RunStatus, Window
from collector.notify.alerts.alert_memory import Judgement, MissedRun, OpenCondition
from collector.notify.alerts.alert_rules import Rule
from collector.notify.alerts.troubleshooting import checklist, checklist_at_work
from collector.notify.channels.mail_message import Attachment, Mail, one_line
from collector.notify.reports import charts, grid_words, palette, wording

ValueT = TypeVar("ValueT")

_SAID_BY_THE_BANNER = frozenset(
    {
        Rule.COLLECTION_FAILED,
        Rule.COLLECTION_PARTIAL,
        Rule.COLLECTION_SUCCESS,
        Rule.BACKUP_FAILED,
        Rule.ARCHIVE_FAILED,
        Rule.SESSION_IMPLAUSIBLE,
    }
)
_MOST_GRIDS = 6
_NAME_WIDTH = 14
"""Of a window's name in the text of the weekly grid, as long as none is longer."""
_CID = re.compile(r'src="cid:([a-z0-9-]+)"')


@dataclass(slots=True)
class _Pictures:
    """Pictures by content id, drawn while the templates' values are put together."""

    wanted: bool
    by_id: dict[str, bytes] = field(default_factory=dict)

    def add(self, content_id: str, png: bytes) -> str:
        self.by_id[content_id] = png
        return content_id


class Renderer:
    """Renders reports; knows no channel.

    Args:
        mask: cuts secrets out of every text.
        prefix: what every subject begins with.
        pictures: whether mails carry pictures.
        site: where the owner's pages are, such as "http://127.0.0.1:8321"; "": mails link to none.
    """

    def __init__(self, mask: Mask, prefix: str = "[collector]", *, pictures: bool = True, site: str = "") -> None:
        self._mask = mask
        self._prefix = prefix
        self._pictures = pictures
        self._site = site.rstrip("/")
        self._templates = _templates()

    def run(self, report: RunReport, judgement: Judgement | None = None) -> Mail:
        """Render the mail of a run.

        Args:
            report: what to say.
            judgement: alerts to tell and outages that are over; None tells neither, as for a run read back later.
        """
        report = self._mask.report(report)
        alerts = self._mask.report(judgement.tell) if judgement else ()
        recovered = self._mask.report(judgement.recovered) if judgement else ()
        # Whatever is over: nothing is back to normal while bars are missing or cannot be believed. That comes first.
        recovery = judgement is not None and judgement.is_recovery and report.complete
        kind = "recovery" if recovery else _kind(report)
        pictures = _Pictures(self._pictures)
        grids = _grids(report, pictures)
        values: dict[str, Any] = {
            "r": report,
            "alerts": tuple(alert for alert in alerts if alert.rule not in _SAID_BY_THE_BANNER),
            "recovered": recovered,
            "missed": _missed(recovered),
            "checklist": checklist(report.failure.cause) if report.failure else (),
            "grids": grids,
            "undrawn": sum(one.grid is not None for one in report.symbols) - len(grids) if grids else 0,
            "worst": grid_words.worst(report),
            "history": _history(report, pictures),
            "pace": _pace(report, pictures),
        }
        subject = f"RECOVERED · {wording.subject(report)}" if recovery else wording.subject(report)
        made_at = report.completed or report.started  # mails are sent in the order of their names
        return self._mail(
            kind,
            values,
            name=f"{made_at:%Y%m%dT%H%M%SZ}-{report.window}-{report.session}-{report.run_id}-{kind}",
            subject=subject,
            brief=wording.headline(report),
            made_at=made_at,
            urgent=any(alert.severity is Severity.CRITICAL for alert in alerts),
            pictures=pictures,
            where=_page_of(report),
            attachments=_traceback(report),
        )

    def at_work(self, report: RunReport, condition: Condition, judgement: Judgement, made_at: datetime) -> Mail:
        """Render the mail about a run that something holds up.

        Its name is the same for the same condition, whoever tells it: a second mail of that name is not kept.

        Args:
            report: the run as it stands.
            condition: what holds it up.
            judgement: the alert to tell.
            made_at: the present instant, aware.
        """
        report, condition = self._mask.report(report), self._mask.report(condition)
        alerts = self._mask.report(judgement.tell)
        keys = {alert.key for alert in alerts}
        began = next((f"{one.since:%Y%m%dT%H%M%SZ}" for one in judgement.memory.conditions if one.key in keys), "")
        stem = "-".join(alert.rule for alert in alerts) or str(condition.kind)
        return self._mail(
            "at_work",
            {"r": report, "condition": condition, "alerts": alerts, "checklist": checklist_at_work(condition.kind)},
            name=f"{began or f'{report.session:%Y%m%d}'}-{stem}",
            subject=wording.subject_at_work(report, condition),
            brief="; ".join(alert.text for alert in alerts),
            made_at=made_at,
            pictures=_Pictures(wanted=False),
            where=_page_of(report),
            urgent=any(alert.severity is Severity.CRITICAL for alert in alerts),
        )

    def week(self, week: WeekReport, judgement: Judgement | None = None) -> Mail:
        """Render the weekly summary.

        Args:
            week: what to say.
            judgement: of the weekly run: alerts to tell and outages that are over; None tells neither.
        """
        week = self._mask.report(week)
        alerts = self._mask.report(judgement.tell) if judgement else ()
        recovered = self._mask.report(judgement.recovered) if judgement else ()
        recovery = judgement is not None and judgement.is_recovery
        pictures = _Pictures(self._pictures)
        grid = dict.fromkeys(week.missed, "missed") | {
            (run.session, run.window): wording.STATUS_WORDS[run.status].lower() for run in week.runs
        }
        named = {window for _, window in grid}
        windows = [*(window for window in Window if window in named), *sorted(named - BUILT_IN)]
        return self._mail(
            "weekly",
            {
                "w": week,
                "alerts": alerts,
                "recovered": recovered,
                "windows": windows,
                "width": max([_NAME_WIDTH, *(len(window) + 1 for window in windows)]),
                "days": sorted({day for day, _ in grid}),
                "grid": grid,
                "history": _drawn_history(week.history, pictures),
            },
            name=f"{week.made_at:%Y%m%dT%H%M%SZ}-weekly-{week.last}",
            subject=f"RECOVERED · {wording.week_subject(week)}" if recovery else wording.week_subject(week),
            brief=wording.week_headline(week),
            made_at=week.made_at,
            urgent=any(alert.severity is Severity.CRITICAL for alert in alerts),
            pictures=pictures,
            where="/",
        )

    def _mail(
        self,
        kind: str,
        values: Mapping[str, Any],
        *,
        name: str,
        subject: str,
        brief: str,
        made_at: datetime,
        pictures: _Pictures,
        where: str,
        urgent: bool = False,
        attachments: tuple[Attachment, ...] = (),
    ) -> Mail:
        subject = one_line(self._mask(f"{self._prefix} {subject}"))
        values = {**values, "subject": subject, "kind": kind, "link": self._site and f"{self._site}{where}"}
        text = self._templates.get_template(f"{kind}.txt.j2").render(values)
        return Mail(
            name=name,
            subject=subject,
            text=re.sub(r"\n{3,}", "\n\n", text).strip() + "\n",
            html=self._templates.get_template(f"{kind}.html.j2").render(values),
            made_at=made_at,
            brief=one_line(brief, 240),
            urgent=urgent,
            pictures=pictures.by_id,
            attachments=attachments,
        )


def _page_of(report: RunReport) -> str:
    """Return the path of a run's page; of the first page for a run without a number."""
    return f"/runs/{report.run_id}" if report.run_id else "/"


def page(mail: Mail) -> str:
    """Return the mail's HTML as a page that stands alone: its pictures are inside it."""

    def inside(match: re.Match[str]) -> str:
        return f'src="data:image/png;base64,{base64.b64encode(mail.pictures[match[1]]).decode()}"'

    return _CID.sub(inside, mail.html)


def _templates() -> Templates:
    templates = Templates(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        percent=wording.percent,
        count=wording.count,
        many=wording.many,
        rate=wording.rate,
        seconds=wording.seconds,
        duration=wording.duration,
        size=wording.size,
        day=wording.day,
        york=wording.in_new_york,
        both=wording.both_zones,
        line=one_line,
        words=lambda name: str(name).replace("_", " "),
    )
    templates.globals.update(
        palette=palette,
        holding_colours={one.name: colour for one, colour in charts.HOLDING_COLOURS.items()},
        bars=wording.bars,
        when=wording.when,
        session_progress=wording.session_progress,
        headline=wording.headline,
        lasting=wording.lasting,
        held_up=wording.held_up,
        confirmation=wording.confirmation,
        expiring=wording.expiring,
        witnesses=wording.witnesses,
        splits=wording.splits,
        renumbered=wording.renumbered,
        closures=wording.closures,
        aim=wording.aim,
        concerns_bars=wording.concerns_bars,
        fetches=wording.fetches,
        status_word=wording.status_word,
        week_headline=wording.week_headline,
        week_sessions=wording.week_sessions,
        never_collected=wording.never_collected,
        week_windows=wording.week_windows,
        storage=wording.storage,
        upkeep=wording.upkeep,
        sparkline=wording.sparkline,
    )
    return templates


def _printable(value: object) -> object:
    """Drop what no mail shows: control characters and those that reverse the direction of writing."""
    if type(value) is not str or isinstance(value, Markup):
        return value
    return "".join(c for c in value if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))


def _kind(report: RunReport) -> str:
    if report.preflight_failed:
        return "preflight_failed"
    if report.status in (RunStatus.FAILED, RunStatus.INTERRUPTED):
        return "failed"
    return "partial" if report.status is RunStatus.PARTIAL else "success"


def _missed(recovered: tuple[OpenCondition, ...]) -> tuple[MissedRun, ...]:
    return tuple(sorted({run for condition in recovered for run in condition.missed}, key=lambda run: run.at))


def _grids(report: RunReport, pictures: _Pictures) -> dict[int, dict[str, Any]]:
    """Draw what is held of symbols' sessions, by day and by night, with the words of the axes; by place.

    Of many symbols those that lack most: a mail that is too long is cut off.
    """
    if not pictures.wanted:
        return {}
    grids = [(i, symbol.grid) for i, symbol in enumerate(report.symbols) if symbol.grid and symbol.grid.sections]
    grids = sorted(grids, key=lambda one: -one[1].total(Holding.MISSING))[:_MOST_GRIDS]
    return {
        i: {
            "cid": pictures.add(f"coverage-{i}", charts.grid_picture(grid)),
            "night": pictures.add(f"coverage-{i}-dark", charts.grid_picture(grid, dark=True)),
            "height": charts.SECTION_HEIGHT // 2,
            "sections": [grid_words.section(one) for one in grid.sections],
            "hours": grid_words.hours(grid.slots),
            "held": grid_words.held(grid),
        }
        for i, grid in grids
    }


def _history(report: RunReport, pictures: _Pictures) -> dict[str, Any] | None:
    if not report.past or report.reached is None:
        return None
    this = PastRun(
        session=report.session, status=report.status, reached=report.reached, bars=report.bars, run_id=report.run_id
    )
    earlier = [run for run in report.past if run.session != report.session]
    return _drawn_history((*earlier, this), pictures)


def _drawn_history(past: tuple[PastRun, ...], pictures: _Pictures) -> dict[str, Any] | None:
    runs = sorted(past, key=lambda run: run.session)[-COMPARED_SESSIONS - 1 :]
    known = [run.reached for run in runs if run.reached is not None]
    if len(known) < 2:  # noqa: PLR2004 - one point is no history
        return None
    png, floor = charts.completeness_picture(runs)
    return {
        "cid": pictures.add("history", png) if pictures.wanted else None,
        "floor": floor,
        "first": runs[0].session,
        "last": runs[-1].session,
        "lowest": min(known),
        "shares": [run.reached for run in runs],
    }


def _pace(report: RunReport, pictures: _Pictures) -> dict[str, Any] | None:
    """Draw requests per second and latency over the run."""
    if not pictures.wanted or len(report.pacer) < 2:  # noqa: PLR2004 - one point is no course
        return None
    times = [sample.at_s for sample in report.pacer]
    requests, requests_top = charts.line_picture(times, [s.requests_per_s for s in report.pacer], palette.REQUESTS)
    latency, latency_top = charts.line_picture(times, [s.latency_s for s in report.pacer], palette.LATENCY)
    return {
        "requests": pictures.add("requests", requests),
        "requests_top": requests_top,
        "latency": pictures.add("latency", latency),
        "latency_top": latency_top,
        "first_s": times[0],
        "last_s": times[-1],
    }


def _traceback(report: RunReport) -> tuple[Attachment, ...]:
    if report.failure is None or not report.failure.traceback:
        return ()
    return (Attachment(name=f"traceback-{report.window}-{report.session}.txt", text=report.failure.traceback),)
