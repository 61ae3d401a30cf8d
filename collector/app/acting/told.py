"""Words of how maintenance ended, for terminals and pages."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from collector.domain.market_data.answers import Failure
from collector.jobs.greeks_pass import GreeksTally
from collector.notify.reports.wording import many
from collector.runs.evidence.weighed import Weighed
from collector.runs.preparing.discovery import Refreshed

if TYPE_CHECKING:
    from collector.jobs.archive_pass import Archived


def archived(done: "Archived") -> Iterator[str]:
    """Yield in words what a pass of the archive has done, and what waits."""
    if done.written:
        objects = f"{many(len(done.written), 'object')} {'is' if len(done.written) == 1 else 'are'}"
        yield f"{objects} written: {many(done.rows, 'bar')}, {done.bytes / 1e6:,.1f} MB"
    elif not done.problems:
        yield "the archive holds what the database holds"
    if done.unsettled:
        have = "has" if done.unsettled == 1 else "have"
        yield f"{done.unsettled:,} of the sessions {have} not settled; the files say so, and are written again then"
    if done.problems:
        yield f"{many(len(done.problems), 'object')} could not be written; what was there before still is"


def recomputed(tally: GreeksTally) -> str:
    """Return how much a recomputation of Greeks looked at and changed."""
    return f"{tally.expirations:,} expiration-sessions, {tally.bars:,} bars, {tally.changed:,} changed"


def forgotten(day: date, series: int) -> str:
    """Return what is forgotten of a session, and what asks for it again."""
    again = f"for instance by: collector run --window eod --date {day}"
    return f"{day}: {series:,} series will be asked for again; {again}"


def accepted(day: date, found: Weighed) -> str:
    """Return what accepting a session has settled."""
    return (
        f"{day} is accepted as empty as it looks: {found.settled + found.single_witness:,} empty series settled, "
        f"{found.single_witness:,} of them on one witness; {found.awaiting:,} await confirmation"
    )


def refreshed(found: Sequence[tuple[str, Refreshed | Failure]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what was read of the chains of symbols, and what could not be, a line each."""
    read: list[str] = []
    failed: list[str] = []
    for symbol, one in found:
        if isinstance(one, Failure):
            failed.append(f"{symbol}: {one.message}")
            continue
        read.append(f"{symbol}: {one.contracts:,} contracts, {one.new:,} new")
        if (change := one.renumbered) is not None:
            read.append(f"{symbol}: IB's number is {change.present} now, {change.earlier} before; its history stays")
        failed += [f"{symbol} {expiration}: {failure.message}" for expiration, failure in one.failures]
    return tuple(read), tuple(failed)
