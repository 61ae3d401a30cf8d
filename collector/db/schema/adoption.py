"""Adopt the tables of an earlier system.

Taking over the database of an earlier system of the owner's that used the same names for its tables.

Its tables are set aside whole in the schema `earlier_system`, never changed nor dropped; the collector's own are made
and filled from them. Adopted bars count as covered, so that nothing runs to fetch them again at once, and never as
settled: what IB still knows is confirmed by the ordinary repairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from collector.clock import Clock
from collector.db.connection import locks, pool
from collector.db.connection.locks import Lock
from collector.db.schema import conversion, earlier_ticks, features, schema_revisions, timescale
from collector.db.schema.earlier_ticks import LeftAside, Unfit
from collector.db.schema.features import StorageSettings
from collector.db.schema.timescale import Session
from collector.db.upkeep import backup, backup_files
from collector.db.upkeep.compaction import refresh_aggregates
from collector.domain.errors import DatabaseError
from collector.domain.market_data.instruments import OPTION_SERIES, UNDERLYING_SERIES, WhatToShow
from collector.domain.run_vocabulary import Window
from collector.market.calendar import Calendar

_IN_ORDER = ("underlying_securities", "option_chains", "intraday_collection_runs")
_READ = frozenset(
    (*_IN_ORDER, "option_bars_5min", "underlying_bars_5min", "stock_data_ticks", "market_data_ticks", "alembic_version")
)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What the collector's tables hold after an adoption, and what was left aside.

    bars: slots of option bars. underlying_bars, underlyings, contracts, runs: rows, likewise. unfit: bars of contracts
    and of underlyings of which a series or a Greek was left out, for no column holds it. left: rows that were not
    adopted, and why. aside: the earlier tables, kept in `earlier_system`; unread: those of which nothing was taken.
    """

    backup: Path
    bars: int
    underlying_bars: int
    underlyings: int
    contracts: int
    runs: int
    aside: tuple[str, ...]
    unfit: int = 0
    left: tuple[LeftAside, ...] = ()

    @property
    def unread(self) -> tuple[str, ...]:
        """Return the earlier tables that the collector takes nothing from."""
        return tuple(name for name in self.aside if name not in _READ)


async def adopt(
    url: str,
    folder: Path,
    now: datetime,
    clock: Clock,
    settings: StorageSettings | None = None,
    *,
    option_series: Sequence[WhatToShow] = OPTION_SERIES,
    own_series: Mapping[str, Sequence[WhatToShow]] | None = None,
    calendar: Calendar | None = None,
) -> Adoption:
    """Back the database up, set its tables aside, make the collector's own and fill them.

    No run begins meanwhile. Interrupted, it goes on where it stopped when it is called again. Afterwards
    `DROP SCHEMA earlier_system CASCADE` gives the space back; that is for a person to decide.

    Args:
        url: the database; its owner's login.
        folder: where the backup goes; none that lies there is pruned.
        now: names the backup (aware).
        clock: held while the server works.
        settings: see `collector.db.schema.features.apply`.
        option_series: the configured series of options; `has_gaps` tells whether an adopted slot lacks one of them.
        own_series: these instead, by symbol.
        calendar: whose sessions the bars among ticks have to lie in; by default with the built-in closes.

    Raises:
        LockHeld: a run is at work.
        DatabaseUnavailable: no usable connection.
        DatabaseError: there is nothing to adopt, the backup failed, or a bar could not be taken over.
    """
    from collector.db.schema import migrate  # noqa: PLC0415 - alembic takes half a second, and who adopts does it once

    # From the first upgrade on runs would find their tables here; they wait until these are full.
    async with pool.connect(url, clock, size=1) as db, locks.collection_lock(db, "adoption") as lock:
        made = await _set_aside(url, folder, now, clock)
        await migrate.upgrade(url, clock)
        await features.apply(url, settings, clock)
        await conversion.convert(
            url, clock, lock, settings
        )  # what an earlier version had adopted before it was stopped
        async with timescale.session(url, clock) as session:
            aside = tuple(row["name"] for row in await session.fetch("adopt/tables", "earlier_system"))
            await _adopt_rows(session, aside)
            own = [(symbol, what) for symbol, series in (own_series or {}).items() for what in series or (None,)]
            unfit = 0
            left: list[LeftAside] = []
            of_options = (list(option_series), [symbol for symbol, _ in own], [what for _, what in own])
            for name, series in (("option_bars", of_options), ("underlying_bars", (list(UNDERLYING_SERIES),))):
                if f"{name}_5min" in aside:
                    unfit += await _adopt_bars(session, name, series, lock)
                    left += await _duplicates(session, name)
            left += await earlier_ticks.adopt_ticks(session, aside, calendar or Calendar(), lock)
            async with session.transaction():
                await session.execute("adopt/lifecycle")
                await session.execute("adopt/coverage")
            [taken] = await session.fetch("adopt/taken")
        await refresh_aggregates(url, clock=clock)
    return Adoption(
        backup=made,
        bars=taken["option_bars"],
        underlying_bars=taken["underlying_bars"],
        underlyings=taken["underlyings"],
        contracts=taken["contracts"],
        runs=taken["runs"],
        aside=aside,
        unfit=unfit,
        left=tuple(left),
    )


async def _set_aside(url: str, folder: Path, now: datetime, clock: Clock) -> Path:
    """Back up and move the earlier tables away; an earlier, interrupted adoption has done so already."""
    async with timescale.session(url, clock) as session:
        done = bool(await session.fetch("adopt/tables", "earlier_system"))
        here = [row["name"] for row in await session.fetch("adopt/tables", "public")]
    if done:
        kept = backup_files.backups(folder)
        return kept[-1].path if kept else folder
    if not here:
        raise DatabaseError("there is nothing to adopt: the database is empty", "run `collector db upgrade`")
    if "alembic_version" in here and await schema_revisions.current(url, clock) is not None:
        raise DatabaseError(
            "there is nothing to adopt: the tables are the collector's own", "run `collector db upgrade`"
        )
    made = await backup.backup(url, folder, now, keep_days=None, clock=clock)
    async with timescale.session(url, clock) as session, session.transaction():
        await session.execute("adopt/set_aside")
    return made.path


async def _adopt_rows(session: Session, aside: tuple[str, ...]) -> None:
    """Copy the rows that others refer to by their ids, all or none, and let new rows take ids beyond theirs."""
    filled = {row["name"] for row in await session.fetch("adopt/filled") if row["filled"]}
    async with session.transaction():
        for table in _IN_ORDER:
            if table in aside and table not in filled:
                windows = [list(Window)] if table == "intraday_collection_runs" else []
                await session.execute(f"adopt/{table}", *windows)
        await session.execute("adopt/sequences")


async def _adopt_bars(session: Session, name: str, series: Sequence[object], lock: Lock) -> int:
    """Copy bars a day at a time, so that an interruption loses a day's work at most; return how many lack a part."""
    unfit = 0
    for row in await session.fetch(f"adopt/days_of_{name}"):
        await lock.keep()
        async with session.transaction():
            [found] = await session.fetch(f"adopt/{name}", row["day"], row["day"] + timedelta(days=1), *series)
        unfit += found["bars"]
    return unfit


async def _duplicates(session: Session, name: str) -> tuple[LeftAside, ...]:
    """Return how many rows gave way to a later one of their slot, once every slot is there."""
    [row] = await session.fetch(f"adopt/count_{name}")
    if row["adopted"] < row["earlier"]:
        raise DatabaseError(
            f"only {row['adopted']} of {row['earlier']} bars of {name}_5min could be adopted",
            "all of them are still in the schema earlier_system; call `collector db adopt` again",
        )
    again = row["rows"] - row["earlier"]
    return (LeftAside(f"{name}_5min", Unfit.DUPLICATE, again),) if again else ()
