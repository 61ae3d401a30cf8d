"""The page of a run."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from collector.db.readers import day_status, run_requests
from collector.db.readers.day_status import RunRow
from collector.db.readers.run_requests import OutcomeOfSeries, RequestMade
from collector.domain.errors import DatabaseError, Unknown
from collector.domain.masking import Mask
from collector.domain.reports.coverage_grid import CoverageGrid
from collector.domain.reports.run_report import RunReport
from collector.domain.run_vocabulary import RunStatus
from collector.notify.alerts.troubleshooting import checklist
from collector.notify.reports import grid_words, report_files, terminal_report, wording
from collector.notify.reports.mail_rendering import Renderer
from collector.web import asking
from collector.web.context import Context
from collector.web.page import Asked, Download, Page, Parameter

_SLOWEST = 20
_FAILED = 100
_SESSIONS = 60
_NIGHT = "-dark"
_DRAWN = {
    "history": "How far this window came on the last sessions",
    "requests": "Requests a second during the run",
    "latency": "Latency during the run",
}
"""Pictures that a report has once, and what they show."""

_NUMBER = Parameter("id", "the run's number", "1")


@dataclass(frozen=True, slots=True)
class Key:
    """What a colour of a picture means. holding: its name; words: with how much of it there is."""

    holding: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of the report.

    name: of its file below /api/v1/runs/{id}/pictures/; night: of the one for the dark, None where it is the same.
    words: what it shows; axes: what is where in it; keys: what its colours mean.
    """

    name: str
    night: str | None = None
    words: str
    axes: str = ""
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """A run.

    row: as the database has it; None: there is no database now. report: as it was made at the run's end; None: it is
    at work, or its report was written elsewhere or is gone. state, headline: in words. worst: contracts that lack most,
    sessions: those that it asked about, before and after, figures: of the run; all of them labels, each with its words.
    checklist: what to look at after a failure. outcomes, slowest, failed: of its requests; of the failed ones the
    latest. unread: why what the database knows is missing, in words.
    """

    id: int
    row: RunRow | None
    report: RunReport | None
    state: str
    headline: str
    worst: tuple[tuple[str, str], ...]
    sessions: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, str], ...]
    checklist: tuple[str, ...]
    pictures: tuple[Picture, ...]
    outcomes: tuple[OutcomeOfSeries, ...]
    slowest: tuple[RequestMade, ...]
    failed: tuple[RequestMade, ...]
    unread: str


async def _answer(context: Context, asked: Asked) -> RunAccount:
    number = asking.number(asked, "id") or 0
    report, row, unread = await _kept(context, number), None, ""
    outcomes: list[OutcomeOfSeries] = []
    slowest: list[RequestMade] = []
    failed: list[RequestMade] = []
    try:
        async with context.reading() as db:
            found = await day_status.latest_runs(db, 1, before=number + 1)
            row = next((one for one in found if one.id == number), None)
            if row is not None:
                outcomes = await run_requests.outcomes(db, row)
                slowest = await run_requests.slowest(db, row, _SLOWEST)
                failed = await run_requests.failed(db, row, _FAILED)
    except DatabaseError as error:
        if report is None:
            raise
        unread = error.message
    if row is None and report is None:
        raise Unknown(f"there is no run {number}", "All runs: /runs")
    return RunAccount(
        id=number,
        row=row,
        report=report,
        state=wording.STATUS_WORDS[row.status if row else RunStatus.FAILED]
        if report is None
        else wording.status_word(report),
        headline=_headline(row) if report is None else wording.headline(report),
        worst=() if report is None else tuple(grid_words.worst(report)),
        sessions=() if report is None else tuple(wording.session_progress(report, _SESSIONS)),
        figures=() if report is None or report.preflight_failed else tuple(terminal_report.figures(report)),
        checklist=() if report is None or report.failure is None else tuple(checklist(report.failure.cause)),
        pictures=() if report is None else tuple(_named(report, await asyncio.to_thread(_drawn, context.mask, report))),
        outcomes=tuple(outcomes),
        slowest=tuple(slowest),
        failed=tuple(failed),
        unread=unread,
    )


async def _kept(context: Context, number: int) -> RunReport | None:
    """Return the report that was kept of a run, masked, None where there is none here."""
    try:
        report = await asyncio.to_thread(report_files.read, context.settings.log.path, number)
    except Unknown:
        return None
    return context.mask.report(report)


def _headline(row: RunRow | None) -> str:
    if row is not None and row.status is RunStatus.RUNNING:
        return "The run is still at work; its report is made at its end."
    return "The report of this run is not on this machine, or was deleted; its figures are the database's."


@lru_cache(maxsize=4)
def _drawn(mask: Mask, report: RunReport) -> Mapping[str, bytes]:
    """Return the pictures of a report as its mail has them; kept, for a browser asks for each by itself."""
    return Renderer(mask).run(report).pictures


def _named(report: RunReport, drawn: Mapping[str, bytes]) -> Iterator[Picture]:
    """Yield the pictures that were drawn, with their words; those for the dark beside the others."""
    for number, one in enumerate(report.symbols):
        name = f"coverage-{number}"
        if name in drawn and one.grid is not None:
            yield Picture(
                name=name,
                night=f"{name}{_NIGHT}",
                words=f"What is held of {one.symbol}, contracts by slots",
                axes=_axes(one.grid),
                keys=tuple(Key(holding.name.lower(), words) for holding, words in grid_words.held(one.grid)),
            )
    for name, words in _DRAWN.items():
        if name in drawn:
            yield Picture(name=name, words=words)


def _axes(grid: CoverageGrid) -> str:
    """Return in words what is where in the picture of a session."""
    rows = "; ".join(" ".join(grid_words.section(one)) for one in grid.sections)
    first, last = wording.in_new_york(grid.slots[0]), wording.in_new_york(grid.slots[-1])
    return f"From top to bottom, expirations and strikes: {rows}. From left to right: {first} to {last} New York."


async def _picture(context: Context, asked: Asked) -> bytes:
    number = asking.number(asked, "id") or 0
    report = await _kept(context, number)
    drawn = {} if report is None else await asyncio.to_thread(_drawn, context.mask, report)
    if asked["name"] not in drawn:
        raise Unknown(f"there is no picture {asked['name']} of run {number}", f"Its pictures: /runs/{number}")
    return drawn[asked["name"]]


PAGE = Page(
    path="/runs/{id}",
    title=lambda found: f"Run {found.id}",
    what="The report of a run, as mail and terminal have it, its outcomes, slowest and failed requests.",
    model=RunAccount,
    answer=_answer,
    template="records/run.html.j2",
    parameters=(_NUMBER,),
)

PICTURE = Download(
    path="/runs/{id}/pictures/{name}.png",
    what="A picture of a run's report.",
    media_type="image/png",
    answer=_picture,
    parameters=(_NUMBER, Parameter("name", "the picture's name, as the run names it", "requests")),
)
