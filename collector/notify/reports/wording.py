"""Put figures, times and states into words.

How figures, times and states are put into words; the same in a mail, a terminal and a file.
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from collector.domain.conditions import ConditionKind
from collector.domain.reports.session_standing import SessionState
from collector.domain.run_vocabulary import OVER_SESSIONS, READS_CHAINS, Asks, RunStatus, Stage, Window

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    from collector.domain.conditions import Condition
    from collector.domain.coverage.evidence import EmptySession
    from collector.domain.reports.run_report import (
        BarCount,
        ProbableClosure,
        RunReport,
        SessionProgress,
        SymbolReport,
        UpkeepReport,
    )
    from collector.domain.reports.session_standing import SessionStanding
    from collector.domain.reports.storage_report import StorageReport
    from collector.domain.reports.week_report import WeekReport, WeekSymbol

NEW_YORK: Final = ZoneInfo("America/New_York")
ISRAEL: Final = ZoneInfo("Asia/Jerusalem")
NONE: Final = "–"

_KILO: Final = 1000
_NAMED: Final = 2
"""So many empty sessions are named in one sentence."""
_NAMED_OF_A_SESSION: Final = 4
"""So many symbols that stand alike are named in one sentence, and so many ways in which they stand."""
_LEVELS: Final = ("bad", "warning", "good")
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600

STATUS_WORDS: Final = {
    RunStatus.SUCCESS: "OK",
    RunStatus.PARTIAL: "PARTIAL",
    RunStatus.FAILED: "FAILED",
    RunStatus.INTERRUPTED: "INTERRUPTED",
    RunStatus.RUNNING: "RUNNING",
}

STAGE_WORDS: Final = {
    Stage.PREFLIGHT: "checking its surroundings",
    Stage.UNDERLYING: "reading the underlyings",
    Stage.DISCOVER: "discovering contracts",
    Stage.SELECT: "selecting contracts",
    Stage.PLAN: "planning requests",
    Stage.FETCH: "fetching bars",
    Stage.STORE: "storing bars",
    Stage.BACKUP: "writing the backup",
    Stage.ARCHIVE: "writing the archive",
    Stage.CLOSE: "closing its books",
}


CONDITION_WORDS: Final = {
    ConditionKind.GATEWAY_AWAY: "gateway away",
    ConditionKind.FARM_AWAY: "data farm away",
    ConditionKind.OTHER_LOGIN: "another login has the market data",
    ConditionKind.BREAKER_OPEN: "gateway answers no request",
    ConditionKind.PACING_PAUSE: "paused for pacing",
    ConditionKind.DATABASE_AWAY: "database away",
    ConditionKind.DISK_LOW: "disk nearly full",
}

SESSION_SIGNS: Final = {
    SessionState.NOTHING: ("–", "not collected"),
    SessionState.UNDER_WAY: ("▶", "under way"),
    SessionState.COMPLETE: ("✓", "complete"),
    SessionState.AWAITING: ("…", "awaits confirmation"),
    SessionState.PARTIAL: ("!", "partial"),
    SessionState.LOST: ("✗", "lost in part"),
    SessionState.IMPLAUSIBLE: ("?", "implausible"),
}
"""A sign and words for how a session stands."""

_TRUSTED = frozenset({SessionState.COMPLETE, SessionState.AWAITING})


def percent(share: float | None) -> str:
    """Return a fraction as percent with one decimal, rounded down: what is incomplete never reads 100.0 %."""
    if share is None:
        return NONE
    return f"{floor(share * 1000 + 1e-9) / 10:.1f} %"


def count(number: float | None) -> str:
    """Return a whole number with thousands separated."""
    return NONE if number is None else f"{number:,.0f}"


def many(number: float | None, noun: str) -> str:
    """Return how many there are of a thing whose plural ends in s: "1 request", "2 requests"."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def bars(counted: BarCount) -> str:
    """Return how many bars of options and of underlyings there are, both by name."""
    options, underlyings = counted.options, counted.underlyings
    if not options and underlyings:
        return f"{many(underlyings, 'bar')} of underlyings"
    return many(options, "option bar") + (f" and {underlyings:,} of underlyings" if underlyings else "")


def rate(number: float | None) -> str:
    """Return a number per second."""
    if number is None:
        return NONE
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"  # noqa: PLR2004 - three digits say enough


def seconds(number: float | None) -> str:
    """Return a short time in seconds, as a latency is read."""
    if number is None:
        return NONE
    return f"{number * _KILO:.0f} ms" if number < 1 else f"{number:.1f} s"


def duration(number: float | None) -> str:
    """Return seconds as hours and minutes, or minutes and seconds."""
    if number is None:
        return NONE
    whole = round(number)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02d} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02d} min"


def size(number: float | None) -> str:
    """Return bytes in decimal units, signed values included."""
    if number is None:
        return NONE
    value, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while abs(value) >= _KILO and len(units) > 1:
        value, units = value / _KILO, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def day(value: date) -> str:
    """Return a date with its day of the week."""
    return f"{value:%a} {value.day} {value:%b %Y}"


def in_new_york(instant: datetime | None) -> str:
    """Return an instant as New York's time of day."""
    return NONE if instant is None else f"{instant.astimezone(NEW_YORK):%H:%M}"


def both_zones(instant: datetime | None) -> str:
    """Return an instant in Israel and in New York, each with its day."""
    if instant is None:
        return NONE
    israel, york = instant.astimezone(ISRAEL), instant.astimezone(NEW_YORK)
    same_day = israel.date() == york.date()
    return f"{israel:%a %Y-%m-%d %H:%M} Israel · {york:{'' if same_day else '%a '}%H:%M} New York"


def status_word(report: RunReport) -> str:
    """Return the run's state in the one word that its subject carries."""
    return "PREFLIGHT FAILED" if report.preflight_failed else STATUS_WORDS[report.status]


def aim(report: RunReport) -> str:
    """Return the name of what the window aims at: intraday windows cover, the others settle."""
    return "covered" if report.asks is Asks.NOT_COVERED else "complete"


def fetches(report: RunReport) -> bool:
    """Return whether the window fetches bars, so that figures about bars say something."""
    return report.window.fetches


def concerns_bars(report: RunReport) -> bool:
    """Return whether the window fetches bars or looks at them: gaps, expiring contracts, what is in the database."""
    return fetches(report) or report.window in (Window.GAP_CHECK, Window.WEEKLY)


def witnesses(counted: RunReport | SymbolReport | WeekSymbol) -> str:
    """Return how many series-slots await a second answer, and how many one empty answer has settled; empty for none."""
    parts = [f"{counted.awaiting:,} await confirmation"] if counted.awaiting else []
    parts += [f"{counted.single_witness:,} single-witness"] if counted.single_witness else []
    return " · ".join(parts)


def confirmation(report: RunReport) -> str:
    """Return what awaits a second answer, and when it is asked for; empty when nothing does."""
    if not report.awaiting:
        return ""
    when = f", asked again from {both_zones(report.confirm_at)}" if report.confirm_at else ""
    return f"{report.awaiting:,} series-slots{when}"


def expiring(report: RunReport) -> str:
    """Return how the expiring contracts stand."""
    one = report.expiring
    parts = [f"{one.saved:,} saved"] + ([f"{one.awaiting:,} await confirmation"] if one.awaiting else [])
    return " · ".join([*parts, f"{one.at_risk:,} at risk", f"{one.lost:,} lost"])


def _short_day(value: date) -> str:
    return f"{value:%a} {value.day} {value:%b}"


def distrust(found: Sequence[EmptySession]) -> str:
    """Return which sessions are not to be trusted, why, and what becomes of them."""
    days = ", ".join(_short_day(one) for one in sorted({one.session for one in found}))
    said = [
        one.words if one.symbol == "ALL" else one.words.replace(" contracts ", f" contracts of {one.symbol} ", 1)
        for one in found
    ]
    more = f"; and {len(said) - _NAMED:,} more" if len(said) > _NAMED else ""
    why = "; ".join(said[:_NAMED]) + more
    return f"Do not trust {days}: {why}. Nothing of what came back empty is settled; the next window asks again."


def standing(one: SessionStanding) -> str:
    """Return how a symbol's session stands, with the figure that says how much."""
    words = SESSION_SIGNS[one.state][1]
    share = "" if one.completeness is None else f"{percent(one.completeness)} "
    parts = [f"{many(one.open_slots, 'series-slot')} open"] if one.open_slots else []
    parts += [f"{one.lost_slots:,} lost"] if one.lost_slots else []
    parts += [f"{one.awaiting:,} await confirmation"] if one.awaiting else []
    measure = "covered" if one.state is SessionState.UNDER_WAY else "complete"
    if one.state is SessionState.NOTHING:
        return words
    if one.state is SessionState.COMPLETE:
        return f"{share}{measure}"
    detail = ", ".join([*([f"{share}{measure}"] if share else []), *parts])
    return f"{words}: {detail}" if detail else words


def trust(session: date, found: Mapping[str, SessionStanding]) -> str:
    """Return the sentence that says whether a session's bars can be trusted.

    Args:
        session: its date.
        found: how it stands, by symbol.
    """
    states = {one.state for one in found.values()}
    if not found or states == {SessionState.NOTHING}:
        return f"Nothing was collected of {_short_day(session)}."
    if states == {SessionState.COMPLETE}:
        return f"{_short_day(session)} can be trusted: every expected slot of every series is settled."
    by_symbol = _by_symbol(found)
    if states <= _TRUSTED:
        return f"{_short_day(session)} can be trusted but for what awaits confirmation: {by_symbol}."
    return f"Use {_short_day(session)} with care: {by_symbol}."


def _by_symbol(found: Mapping[str, SessionStanding]) -> str:
    """Return how symbols stand, those alike together; of many the worst are named."""
    alike: dict[str, list[str]] = {}
    for symbol, one in found.items():
        alike.setdefault(standing(one), []).append(symbol)
    said = list(alike.items())
    if len(said) > _NAMED_OF_A_SESSION:
        said.sort(key=lambda one: _LEVELS.index(trust_level([found[one[1][0]]])))
    left = sum(len(symbols) for _, symbols in said[_NAMED_OF_A_SESSION:])
    parts = [f"{_first(symbols)} {words}" for words, symbols in said[:_NAMED_OF_A_SESSION]]
    return "; ".join([*parts, *([f"and {many(left, 'more symbol')}"] if left else [])])


def _first(symbols: Sequence[str]) -> str:
    more = len(symbols) - _NAMED_OF_A_SESSION
    return ", ".join(symbols[:_NAMED_OF_A_SESSION]) + (f" and {more:,} more" if more > 0 else "")


def trust_level(found: Collection[SessionStanding]) -> str:
    """Return how far a session can be trusted: good, warning or bad."""
    states = {one.state for one in found}
    if states & {SessionState.LOST, SessionState.IMPLAUSIBLE} or states <= {SessionState.NOTHING}:
        return "bad"
    return "good" if states <= _TRUSTED else "warning"


_UNDONE = {Window.BACKUP: "No backup was made", Window.ARCHIVE: "Nothing was archived"}


def headline(report: RunReport) -> str:
    """Return the sentence that says whether the session's bars can be trusted."""
    if report.implausible:
        return distrust(report.implausible)
    if report.preflight_failed:
        what = _UNDONE.get(report.window, "Nothing was asked for")
        return f"{what}: the run stopped at its preflight check. What is stored is untouched."
    measured = any(symbol.expected for symbol in report.symbols)
    if report.status is RunStatus.FAILED or (report.status is RunStatus.PARTIAL and report.failure and not measured):
        where = STAGE_WORDS[report.failure.stage] if report.failure else "at work"
        return f"The run broke off while {where}. " + _stored(report)
    if report.status is RunStatus.INTERRUPTED:
        return "The run was stopped before its end. " + _stored(report)
    if report.status is RunStatus.RUNNING:
        return "The run is still at work. " + _stored(report)
    return _trust(report) if fetches(report) else _done(report)


def _done(report: RunReport) -> str:
    """Return what a window has done that fetches no bars."""
    if report.status is RunStatus.PARTIAL:
        return "Some of it could not be done; " + _stored(report)
    if report.archive is not None:
        return archive(report)
    if report.backup is not None:
        made = report.backup
        told = f"The backup is made: {size(made.bytes)} in {made.file}; backups kept: {made.kept:,}."
        return " ".join([told, *(f"It is not copied: {copy.problem}." for copy in made.not_copied)])
    if report.window in READS_CHAINS:
        ready = "The gateway answers, and the" if report.window is Window.PRE_MARKET else "The"
        return f"{ready} option chains are read: {report.environment.new_contracts:,} contracts are new."
    gaps = report.gaps
    found = f"{gaps.opened:,} gaps are new, {gaps.closed:,} closed, {gaps.still_open:,} open"
    return f"The tables were looked through: {found}."


def _trust(report: RunReport) -> str:
    word = "settled" if report.asks is Asks.NOT_SETTLED else "covered"
    expected = sum(symbol.expected for symbol in report.symbols)
    there = sum(s.settled if report.asks is Asks.NOT_SETTLED else s.covered for s in report.symbols)
    short = expected - there
    missing = f"{short:,} of {expected:,} series-slots are not {word} yet" if short else ""
    if missing and report.awaiting == short:
        missing = f"{short:,} of {expected:,} series-slots await confirmation"
    elif missing and report.awaiting:
        missing += f", {report.awaiting:,} of them await confirmation"
    if report.deferred:
        return _put_off(report, missing)
    if not expected:
        return "Nothing was due: everything was there already."
    if report.window in OVER_SESSIONS and report.sessions:
        return _brought_further(report, missing)
    if not missing:
        return f"Every expected slot of every series is {word}."
    return _lacking(report, missing, short / expected)


def _lacking(report: RunReport, missing: str, share: float) -> str:
    """Return what to think of a session of which a share is missing, though nothing was deferred."""
    if report.status is RunStatus.SUCCESS:
        return f"All that this window was due to ask is answered; {missing}."
    if report.unproven and share > 1 / 2:
        why = f"{report.unproven:,} series came back empty and nothing proves it"
        return f"Do not trust {_short_day(report.session)}: {why}. None of it is settled; the next window asks again."
    return f"Use these bars with care: {missing}. The next window asks again."


def _brought_further(report: RunReport, missing: str) -> str:
    """Return how many of the sessions that a run asked about are complete now, and what the others lack."""
    if any(one.first != one.last for one in report.sessions):
        return f"Use these bars with care: {missing}." if missing else "Every expected slot of every series is settled."
    asked = {one.first for one in report.sessions}
    whole = asked - {one.first for one in report.sessions if one.settled < one.expected}
    if not missing:
        are = "session is" if len(asked) == 1 else "sessions are"
        return f"{len(asked):,} {are} complete now: every expected slot of every series is settled."
    return f"{len(whole):,} of {many(len(asked), 'session')} are complete now; {missing}."


def session_progress(report: RunReport, most: int | None = None) -> list[tuple[str, str]]:
    """Return each session that a run asked about, with how it found and left it; both in words.

    Args:
        report: of a run; empty for one that looked at its own session alone.
        most: how many at most; a last line counts the others.
    """
    lines = [(f"{_sessions_of(one)} · {one.symbol}", _before_after(one)) for one in report.sessions]
    if most is None or len(lines) <= most:
        return lines
    return [*lines[:most], (f"and {len(lines) - most:,} more", f"collector report run {report.run_id} --json")]


def _sessions_of(one: SessionProgress) -> str:
    return _short_day(one.first) if one.first == one.last else f"{one.first} to {one.last}"


def _before_after(one: SessionProgress) -> str:
    words = f"{percent(one.completeness_before)} → {percent(one.completeness)}"
    lacking = one.expected - one.settled
    words += f" · {many(one.new_bars, 'new option bar')}" if one.new_bars else ""
    return words + (f" · {many(lacking, 'series-slot')} still missing" if lacking else "")


def when(report: RunReport) -> str:
    """Return the session of a run, or from which to which it reached, as a title says it."""
    if report.window not in OVER_SESSIONS or not report.sessions:
        return day(report.session) + (" (early close)" if report.early_close else "")
    first, last = _reach(report)
    return day(first) if first == last else f"{_short_day(first)} {first.year} to {day(last)}"


def _dates(report: RunReport) -> str:
    """Return the session of a run, or from which to which it reached, as a subject says it."""
    if report.window not in OVER_SESSIONS or not report.sessions:
        return str(report.session)
    first, last = _reach(report)
    return str(first) if first == last else f"{first} to {last}"


def _reach(report: RunReport) -> tuple[date, date]:
    return min(one.first for one in report.sessions), max(one.last for one in report.sessions)


def _put_off(report: RunReport, missing: str) -> str:
    """Return what a run says whose time did not suffice: also where its own session is complete, others are not."""
    words = "request is" if report.deferred == 1 else "requests are"
    left = f"{report.deferred:,} {words} deferred to the next window" + (f"; {missing}" if missing else "")
    if report.status is not RunStatus.SUCCESS:
        return f"Use these bars with care: {left}."
    return f"{'Not all that was due was asked' if report.requests else 'Nothing was asked'}: {left}."


def _stored(report: RunReport) -> str:
    if report.failure and report.failure.saved:
        return report.failure.saved
    if report.bars_collected or report.bars_updated:
        return f"{bars(report.new + report.changed)}, new or changed, are safely stored."
    return "No bars were stored."


def subject(report: RunReport) -> str:
    """Return the subject of a run's mail, without prefix: window, session, state, then the figures that matter."""
    parts = [f"{report.window} {_dates(report)} {status_word(report)}"]
    if report.implausible:
        symbols = dict.fromkeys(one.symbol for one in report.implausible)
        parts.append("do not trust " + ", ".join("any symbol" if one == "ALL" else one for one in symbols))
    if report.failure and report.status is not RunStatus.PARTIAL:
        parts.append(str(report.failure.cause).replace("_", " "))
    if report.reached is not None and not report.preflight_failed:
        parts.append(percent(report.reached) + (" covered" if report.asks is Asks.NOT_COVERED else ""))
    if not report.preflight_failed and report.status is not RunStatus.INTERRUPTED:
        parts += _outcome_words(report)
    parts += [f"{report.deferred:,} deferred"] if report.deferred else []
    parts += [f"{report.expiring.lost:,} lost"] if report.expiring.lost else []
    return " · ".join(parts)


def subject_at_work(report: RunReport, condition: Condition) -> str:
    """Return the subject of the mail about a run that is at work, without prefix."""
    return f"{report.window} {report.session} {status_word(report)} · {lasting(condition)}"


def lasting(condition: Condition) -> str:
    """Return what a condition is and when it began; how long it lasted, too, if it is over."""
    what, began = CONDITION_WORDS[condition.kind], in_new_york(condition.since)
    if condition.until is None:
        return f"{what} since {began} New York"
    took = duration((condition.until - condition.since).total_seconds())
    return f"{what} from {began} to {in_new_york(condition.until)} New York ({took})"


def held_up(report: RunReport) -> str:
    """Return what held a run up, and how that ended; empty when nothing did."""
    return "; ".join(lasting(one) + ("" if one.until else ", still so at its end") for one in report.conditions)


def archive(report: RunReport) -> str:
    """Return what was archived, what waits, and what could not be written; empty for other runs."""
    done = report.archive
    if done is None:
        return ""
    written = (
        f"{many(done.objects, 'object')} written: {done.rows:,} bars, {size(done.bytes)}."
        if done.objects
        else "The archive holds what the database holds."
    )
    more = [
        *([f"{many(done.unsettled, 'session')} in them not settled yet, and marked so."] if done.unsettled else []),
        *([f"{many(done.carried, 'session')} carried over from earlier objects."] if done.carried else []),
        *([f"{many(done.waiting, 'object')} left to the next pass, for want of time."] if done.waiting else []),
        *([f"{many(len(done.problems), 'object')} could not be written."] if done.problems else []),
    ]
    return " ".join([written, *more])


def copies(report: RunReport) -> str:
    """Return where copies of the backup lie, and where they should; empty when there are to be none."""
    wanted = report.backup.copies if report.backup else ()
    return "; ".join(f"not in {one.folder}: {one.problem}" if one.problem else one.folder for one in wanted)


def splits(report: RunReport) -> str:
    """Return the splits that a run has seen, and what follows; empty for none."""
    return "; ".join(
        f"{one.symbol}: earlier prices are divided by {one.factor:g} now; {many(one.sessions, 'session')} read again"
        for one in report.splits
    )


def renumbered(report: RunReport) -> str:
    """Return the underlyings that have another number at the source now; empty for none."""
    return "; ".join(
        f"{one.symbol}: {one.earlier} before, {one.present} now; history and contracts stay"
        for one in report.renumbered
    )


def closures(report: RunReport) -> str:
    """Return the sessions on which the exchange was probably shut, and what to do; empty for none."""
    return "; ".join(f"{_short_day(one.session)}: {closure(one)}" for one in report.closures)


def closure(one: ProbableClosure) -> str:
    """Return why an exchange was probably shut on a session, and the line that declares it."""
    seen = " and ".join(f"{at.astimezone(NEW_YORK):%a %H:%M}" for at in (one.first_seen, one.last_seen))
    return (
        f"no bar of {', '.join(one.symbols)} at {seen} New York, when the session before had bars; if the exchange was"
        f" shut, add to closures in config.yaml: - {{date: {one.session}, reason: …}}"
    )


def _outcome_words(report: RunReport) -> list[str]:
    """Return the one figure that matters beside completeness."""
    if fetches(report):
        return [bars(report.received)]
    if report.archive is not None:
        return [many(report.archive.objects, "object")]
    if report.window is Window.BACKUP:
        made = report.backup
        return [size(made.bytes), *(["not copied"] if made.not_copied else [])] if made else []
    if report.window in READS_CHAINS:
        return [f"{report.environment.new_contracts:,} new contracts"]
    still_open = report.gaps.still_open
    return [f"{still_open:,} open gap{'' if still_open == 1 else 's'}"]


def week_troubles(week: WeekReport) -> tuple[tuple[int, str], ...]:
    """Return how many windows of a week went wrong, by the word for it."""
    return (week.failed_runs, "failed"), (week.partial_runs, "partial"), (len(week.missed), "missed")


def week_windows(week: WeekReport) -> str:
    """Return how many windows a week had, and how many of them went wrong."""
    words = ", ".join(f"{n} {word}" for n, word in week_troubles(week))
    well = [run for run in week.runs if run.status not in (RunStatus.FAILED, RunStatus.INTERRUPTED)]
    made_good = sum(run.failed for run in well)
    words += f"; {many(made_good, 'failed attempt')} before one that went well" if made_good else ""
    return f"{many(len(week.runs) + len(week.missed), 'window')}: {words}"


def week_sessions(week: WeekReport) -> str:
    """Return how many sessions a week had, and how many of them nobody collected."""
    words, days = many(week.sessions, "session"), week.never_collected
    dark = week.dark_sessions
    words += f", {dark:,} of them never collected" if dark else ""
    partly = len(days) - dark
    return words + (f", {partly:,} not for every symbol" if partly else "")


def never_collected(week: WeekReport) -> tuple[tuple[str, str], ...]:
    """Return the sessions that nobody collected, each with the symbols of which that is true."""
    return tuple((_short_day(one), ", ".join(symbols)) for one, symbols in week.never_collected.items())


def week_headline(week: WeekReport) -> str:
    """Return what of a week is there, in a line: never without the sessions that are not."""
    of_what = " of what was expected" if week.never_collected else ""
    complete = f"{percent(week.completeness)} complete{of_what}, {many(week.bars, 'option bar')}"
    return f"{week_sessions(week)}; {complete}" if week.never_collected else complete


def storage(found: StorageReport | None, disk_used: float | None = None) -> tuple[tuple[str, str], ...]:
    """Return what is stored, how fast it grows and when the disk is full: labels, each with its words.

    Args:
        found: the figures; None: nothing is known.
        disk_used: the share of the disk that is used.
    """
    if found is None:
        return ()
    sizes, growth, full = found.now, found.growth_a_week, found.full_in_days
    bars = f"{size(sizes.raw)} raw bars, {size(sizes.compressed)} compressed, {size(sizes.aggregates)} summaries"
    words = [
        ("Database", f"{size(sizes.database)}: {bars}"),
        ("Growth", NONE if growth is None else f"{'' if growth < 0 else '+'}{size(growth)} a week"),
        *([] if sizes.archive is None else [("Archive", size(sizes.archive))]),
        ("Backups", size(sizes.backups)),
        ("Logs", size(sizes.logs)),
    ]
    if sizes.free is not None:
        parts = [f"{size(sizes.free)} free", *([] if disk_used is None else [f"{percent(disk_used)} used"])]
        words.append(
            ("Disk", ", ".join([*parts, *([] if full is None else [f"full in {full:,.0f} days at this pace"])]))
        )
    return tuple(words)


def upkeep(found: UpkeepReport | None) -> tuple[str, ...]:
    """Return what was done for the archive and with old bars, a sentence each; nothing where nothing was."""
    if found is None:
        return ()
    lines = [f"The archive could not be asked: {found.problem}."] if found.problem else []
    if found.damaged:
        lines += [f"Damaged in the archive: {one}." for one in found.damaged]
    if found.verified:
        lines.append(f"{many(found.verified, 'object')} of the archive read back and found sound.")
    if found.dropped_bars:
        lines.append(f"{many(found.dropped_bars, 'old bar')} dropped, {size(found.freed_bytes)} freed.")
    return (*lines, *(f"{many(bars, 'old bar')} kept: {why}." for why, bars in found.waiting))


def week_subject(week: WeekReport) -> str:
    """Return the subject of a weekly mail, without prefix."""
    days = len(week.never_collected)
    trouble = [f"{days} of {many(week.sessions, 'session')} not collected"] if days else []
    trouble += [f"{n} {word}" for n, word in week_troubles(week) if n]
    state = ", ".join(trouble) if trouble else "OK"
    complete = percent(week.completeness) + (" of what was expected" if days else "")
    return f"week {week.first} to {week.last} {state} · {complete} · {many(week.bars, 'option bar')}"


def sparkline(shares: list[float | None], low: float) -> str:
    """Return fractions as a line of block characters between `low` and 1; a space where nothing is known."""
    blocks = "▁▂▃▄▅▆▇█"
    span = (1.0 - low) or 1.0
    return "".join(
        " " if share is None else blocks[min(7, max(0, int((share - low) / span * 7.999)))] for share in shares
    )
