"""Windows that fetch no bars.

Windows that fetch no bars: looking at the tables, bringing the chains up to date, backing the database up.
"""

import asyncio

import structlog

from collector.db.contracts import contract_tables as contract_store
from collector.db.upkeep import backup
from collector.domain.errors import BackupError
from collector.domain.market_data.answers import Failure
from collector.domain.reports.run_report import BackupReport
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished, NotPrepared, Prepared
from collector.runs.preparing import contract_scope
from collector.runs.preparing.discovery import Discovery

log = structlog.get_logger()


async def look(finished: Finished, parts: Parts) -> None:
    """Prepare every known symbol as it stands in the tables; closing the run then records gaps and statistics."""
    order = finished.order
    for symbol in order.symbols:
        underlying = await contract_store.underlying(parts.db, symbol)
        if underlying is not None:
            session = order.session(symbol)
            is_optioned = bool(parts.settings.series_for(symbol))
            days = (order.day, order.day)
            contracts = await contract_store.selected(parts.db, underlying.id, *days) if is_optioned else []
            waiting = await contract_scope.pending(parts.db, parts.settings, parts.calendar, underlying, order.day)
            ids = await contract_scope.due_ids(parts.db, underlying, session, waiting)
            known = {contract.id for contract in contracts} if ids is None else set(ids)
            due = tuple(contract for contract in contracts if contract.id in known)
            resting = len(contracts) - len(due)
            finished.prepared.append(Prepared(underlying, (session,), due, None, resting=resting))


async def refresh_chains(finished: Finished, parts: Parts) -> None:
    """Read the chains of symbols with options anew; an expiration that cannot be had leaves the symbol out."""
    order = finished.order
    discovery = Discovery(parts.db, parts.source, parts.settings, parts.clock, parts.calendar)
    finished.renumbered = discovery.renumbered
    collected = (one for one in order.symbols if parts.settings.series_for(one))
    for symbol in collected:
        underlying = await discovery.underlying(symbol)
        found = (
            underlying
            if isinstance(underlying, Failure)
            else await discovery.refresh(underlying, order.day, force=True)
        )
        if isinstance(found, Failure):
            finished.not_prepared.append(NotPrepared(symbol, found))
            continue
        log.info("chain_refreshed", symbol=symbol, contracts=found.contracts, new=found.new)
        finished.chains_read += 1
        finished.not_prepared += [NotPrepared(symbol, failure) for _, failure in found.failures[:1]]


async def back_up(finished: Finished, parts: Parts) -> None:
    """Write the database's backup, and give it up when the gateway is next to be asked: collection goes first.

    Raises:
        BackupError: none could be made.
        DatabaseUnavailable: the database is gone.
    """
    rules, order, now = parts.settings.backup, finished.order, parts.clock.now()
    left_s = None if order.deadline is None else max((order.deadline - now).total_seconds(), 0)
    try:
        async with asyncio.timeout(left_s):
            made = await backup.backup(
                parts.db.url,
                rules.path,
                now,
                keep_days=rules.keep_days,
                reserve_gb=rules.reserve_gb,
                clock=parts.clock,
            )
    except TimeoutError as exc:
        raise BackupError(
            "the backup was not done when the next window was due, and was given up",
            "it is tried again in the next pause; a faster disk for backup.directory helps",
        ) from exc
    kept = backup.backups(rules.path)
    seconds = (parts.clock.now() - now).total_seconds()
    finished.backup = BackupReport(file=str(made.path), bytes=made.bytes, seconds=seconds, kept=len(kept))
    log.info("backup_made", file=str(made.path), bytes=made.bytes, seconds=round(seconds, 1), kept=len(kept))
