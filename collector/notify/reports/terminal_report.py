"""Show a run's report on a terminal.

A run's report on a terminal, from the same model as its mail.
"""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from collector.config.notify_settings import Severity
from collector.domain.masking import Mask
from collector.domain.reports.run_report import BarCount, RunReport
from collector.domain.reports.week_report import WeekReport
from collector.domain.run_vocabulary import RunStatus
from collector.notify.alerts.alert_rules import Alert
from collector.notify.alerts.troubleshooting import checklist
from collector.notify.channels.mail_message import one_line
from collector.notify.reports import wording

_STATUS_STYLES = {
    RunStatus.SUCCESS: "green",
    RunStatus.PARTIAL: "yellow",
    RunStatus.FAILED: "red",
    RunStatus.INTERRUPTED: "red",
    RunStatus.RUNNING: "blue",
}
_SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.WARNING: "yellow",
    Severity.INFO: "blue",
    Severity.GOOD: "green",
}


_SESSIONS = 60
"""Lines of sessions that are shown."""


def run_view(report: RunReport, mask: Mask, alerts: tuple[Alert, ...] = ()) -> RenderableType:
    """Return what a terminal shows of a run; every text is masked and taken literally, never as markup."""
    report, alerts = mask.report(report), mask.report(alerts)
    style = _STATUS_STYLES[report.status]
    parts: list[RenderableType] = [Text(wording.headline(report))]
    if report.symbols:
        parts += [Text(), _symbols(report)]
    if report.sessions:
        parts += [Text(), _pairs(*wording.session_progress(report, _SESSIONS))]
    if not report.preflight_failed:
        parts += [Text(), _pairs(*figures(report))]
    parts += [_errors(report)] if report.errors else []
    if report.failure:
        parts += [Text(), *_failure(report)]
    for alert in alerts:
        parts.append(Text(f"● {one_line(alert.text, 400)}", style=_SEVERITY_STYLES[alert.severity]))
    run = f" · run {report.run_id}" if report.run_id else ""
    title = f"{wording.status_word(report)} · {report.window} · {wording.when(report)}{run}"
    return Panel(Group(*parts), title=Text(title, style=f"bold {style}"), title_align="left", border_style=style)


def week_view(week: WeekReport, mask: Mask) -> RenderableType:
    """Return what a terminal shows of a week."""
    week = mask.report(week)
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    for name, justify in (("", "left"), ("complete", "right"), ("traded", "right"), ("contracts", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    table.add_column("option bars", justify="right")
    table.add_column("sessions", justify="right")
    for symbol in week.symbols:
        table.add_row(
            Text(one_line(symbol.symbol, 40), style="bold"),
            wording.percent(symbol.completeness),
            wording.percent(symbol.fill),
            wording.count(symbol.contracts),
            wording.count(symbol.bars),
            f"{week.sessions - len(symbol.never_collected)}/{week.sessions}",
        )
    gaps, expiring = week.gaps, week.expiring
    doubts = [f"{one_line(one.symbol, 40)} {words}" for one in week.symbols if (words := wording.witnesses(one))]
    facts = _pairs(
        ("Sessions", wording.week_sessions(week)),
        *((f"  {day}", f"never collected: {symbols}") for day, symbols in wording.never_collected(week)),
        ("Windows", wording.week_windows(week)),
        ("Gaps", f"{gaps.opened:,} opened, {gaps.closed:,} closed, {gaps.lost:,} lost, {gaps.still_open:,} open"),
        *([("Series-slots", "; ".join(doubts))] if doubts else []),
        ("Expiring", f"{expiring.saved:,} saved, {expiring.lost:,} lost"),
        *wording.storage(week.storage, week.environment.disk_used),
    )
    digest = [Text(f"· {one_line(line, 400)}") for line in (*wording.upkeep(week.upkeep), *week.digest)]
    title = f"Week {wording.day(week.first)} – {wording.day(week.last)} · {wording.percent(week.completeness)}"
    return Panel(Group(table, Text(), facts, *digest), title=Text(title), title_align="left")


def _symbols(report: RunReport) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("")
    for name in (wording.aim(report), "traded", "no trade", "unknown", "contracts", "new", "changed", "same"):
        table.add_column(name, justify="right")
    for symbol in report.symbols:
        reached = symbol.coverage if wording.aim(report) == "covered" else symbol.completeness
        table.add_row(
            Text(one_line(symbol.symbol, 40), style="bold"),
            wording.percent(reached),
            wording.percent(symbol.fill),
            wording.count(symbol.verdicts.no_trade),
            Text(wording.count(symbol.verdicts.unknown), style="red" if symbol.verdicts.unknown else ""),
            f"{symbol.contracts_done:,}/{symbol.contracts:,}",
            wording.count(symbol.new.options),
            wording.count(symbol.changed.options),
            wording.count(symbol.identical.options),
        )
    return table


def figures(report: RunReport) -> list[tuple[str, str]]:
    """Return a run's figures beyond its symbols: labels, each with its words; what is nothing is left out."""
    latency, backup, fetches = report.latency, report.backup, wording.fetches(report)
    took, pace = wording.duration(report.duration_s), wording.rate(report.requests_per_s)
    pairs = [
        ("Took", f"{took}, {wording.many(report.requests, 'request')}" if fetches else took),
        ("Brought", wording.bars(report.received) if fetches else ""),
        ("New", wording.bars(report.new) if fetches else ""),
        ("Pace", f"{pace} requests/s, {wording.rate(report.bars_per_s)} bars/s" if fetches else ""),
        ("Backup", f"{backup.file}, {wording.size(backup.bytes)}, {backup.kept:,} kept" if backup else ""),
        ("Copies", wording.copies(report)),
        ("Archive", wording.archive(report)),
        (
            "Latency",
            f"median {wording.seconds(latency.p50_s)}, 99 % {wording.seconds(latency.p99_s)}" if latency else "",
        ),
        ("Rate-limit hits", wording.count(report.rate_limit_hits) if report.rate_limit_hits else ""),
        ("Deferred", wording.many(report.deferred, "request") if report.deferred else ""),
        ("Held up", wording.held_up(report)),
        ("Splits", wording.splits(report)),
        ("New numbers", wording.renumbered(report)),
        ("Probably closed", wording.closures(report)),
        ("Awaiting", wording.confirmation(report)),
        ("Single-witness", f"{report.single_witness:,} series-slots" if report.single_witness else ""),
        ("Unproven", f"{report.unproven:,} series that came back empty" if report.unproven else ""),
        ("Controls", wording.many(report.controls, "request") if report.controls else ""),
        ("Accepted", "; ".join(f"{one.symbol} {one.session}: {one.words}" for one in report.accepted)),
        ("Resting", f"{wording.many(report.resting, 'contract')} until their turn" if report.resting else ""),
        ("Expiring", wording.expiring(report).replace(" ·", ",")),
        ("Gaps", f"{report.gaps.opened:,} opened, {report.gaps.closed:,} closed, {report.gaps.still_open:,} open"),
    ]
    if not wording.concerns_bars(report):
        pairs = pairs[:-2]
    elif report.day:
        first, last = wording.in_new_york(report.day.first_bar), wording.in_new_york(report.day.last_bar)
        held = BarCount(report.day.bars, report.day.underlying_bars)
        pairs.append(("In the database", f"{wording.bars(held)} of the session, {first}–{last} New York"))
    if report.next_window:
        pairs.append(("Next", f"{report.next_window.window}, {wording.both_zones(report.next_window.due)}"))
    return [(label, value) for label, value in pairs if value]


def _errors(report: RunReport) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    table.add_column(justify="right", style="yellow")
    table.add_column(style="yellow", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for error in report.errors:
        example = one_line(error.examples[0], 200) if error.examples else ""
        table.add_row(f"{error.count:,} ×", str(error.outcome).replace("_", " "), Text(example))
    return table


def _failure(report: RunReport) -> list[RenderableType]:
    failure = report.failure
    if failure is None:
        return []
    lines: list[RenderableType] = [Text(failure.message, style="bold red")]
    if failure.hint:
        lines.append(Text(failure.hint))
    lines += [Text(f"  {i}. {step}") for i, step in enumerate(checklist(failure.cause), 1)]
    return [
        *lines,
        _pairs(*(pair for pair in (("Continue with", failure.resume), ("Log", failure.log_path)) if pair[1])),
    ]


def _pairs(*pairs: tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in pairs:
        table.add_row(label, Text(value))
    return table
