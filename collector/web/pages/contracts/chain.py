"""The page of one chain in a slot."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from statistics import fmean

from collector.db.connection.pool import Database, Row
from collector.db.contracts import contract_tables
from collector.db.readers import chains
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import Unknown, UnknownSymbol
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.lineage import naming
from collector.lineage.missing import missing
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter
from collector.web.pages.contracts import named

_ALL = "all"
_DATA_SET = OPTION_BARS_5MIN
_LOOKED_BACK = 10
"""Sessions that are looked at for the latest one with bars."""


@dataclass(frozen=True, slots=True)
class QuoteInSlot:
    """A contract's bar of the slot; prices in USD per share, None where there is none.

    occ_symbol: of 21 characters; address: of its page. bid, ask: at the end of the slot; last: its last trade's price.
    is_stored: there is a bar; is_expected: there should be one.
    """

    occ_symbol: str
    address: str
    bid: float | None
    ask: float | None
    last: float | None
    volume: int | None
    implied_volatility: float | None
    delta: float | None
    open_interest: int | None
    is_stored: bool
    is_expected: bool


@dataclass(frozen=True, slots=True)
class StrikeInSlot:
    """A strike of an expiration. root: of its contracts' symbols. moneyness: strike over spot, None without a spot."""

    strike: float
    root: str
    moneyness: float | None
    call: QuoteInSlot | None
    put: QuoteInSlot | None


@dataclass(frozen=True, slots=True)
class ExpirationInSlot:
    """An expiration in the slot. contracts: known. expected, stored, quoted, valued: how many of them.

    at_the_money: mean implied volatility of call and put at the strike next to the spot, None without.
    """

    expiration: date
    days: int
    contracts: int
    expected: int
    stored: int
    quoted: int
    valued: int
    at_the_money: float | None


@dataclass(frozen=True, slots=True)
class Smile:
    """Implied volatility out of the money by `ChainInSlot.strikes`: of puts below the spot, of calls above."""

    expiration: date
    volatilities: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ChainInSlot:
    """A symbol's options in one slot.

    slot: its start. spot: the underlying's last price up to the slot's end; spot_time: when its bar starts. expiration:
    the one shown, None: all. rows: of its strikes of which a bar is there or expected; others: how many more are known.
    missing: what is not final of it in the slot, a sentence a cause. strikes, smiles: of all expirations, where all are
    shown.
    """

    symbol: str
    session: date
    slot: datetime
    previous_slot: datetime | None
    next_slot: datetime | None
    spot: float | None
    spot_time: datetime | None
    expiration: date | None
    expirations: tuple[ExpirationInSlot, ...]
    rows: tuple[StrikeInSlot, ...]
    others: int
    strikes: tuple[float, ...]
    smiles: tuple[Smile, ...]
    missing: tuple[str, ...]


async def _answer(context: Context, asked: Asked) -> ChainInSlot:
    async with context.reading() as db:
        known = await contract_tables.underlying(db, asked["symbol"].strip().upper())
        if known is None:
            raise UnknownSymbol(asked["symbol"], [one.symbol for one in await contract_tables.underlyings(db)])
        slot = await _slot(context, db, known, asked.get("at", ""))
        session = context.days.session(known.symbol, slot.astimezone(NEW_YORK).date())
        rows = await chains.in_slot(db, known.id, slot)
        start, end = session.open, slot + _DATA_SET.bar_size
        level = await db.fetchrow("last_level", known.id, start, end)
        spot = None if level is None else float(level["close"])
        expirations = tuple(_expirations(rows, session.day, spot))
        shown = _shown(asked, expirations)
        lacking: tuple[str, ...] = ()
        if shown is not None:
            among = [row["contract_id"] for row in rows if row["expiration_date"] == shown]
            series = context.settings.series_for(known.symbol) or _DATA_SET.series
            found = await missing(db, known, _DATA_SET, session, series, among=among, within=Span(slot, end))
            lacking = found.sentences
    strikes, smiles = ((), ()) if shown is not None else _smiles(rows, spot)
    all_rows = _strikes((row for row in rows if row["expiration_date"] == shown), spot)
    present = tuple(one for one in all_rows if _is_wanted(one.call) or _is_wanted(one.put))
    return ChainInSlot(
        symbol=known.symbol,
        session=session.day,
        slot=slot,
        previous_slot=_beside(context, known.symbol, session, slot, -1),
        next_slot=_beside(context, known.symbol, session, slot, 1),
        spot=spot,
        spot_time=None if level is None else level["time"],
        expiration=shown,
        expirations=expirations,
        rows=present,
        others=len(all_rows) - len(present),
        strikes=strikes,
        smiles=smiles,
        missing=lacking,
    )


async def _slot(context: Context, db: Database, known: Underlying, text: str) -> datetime:
    """Return the slot that is asked for; the last of the latest session with bars where none is.

    Raises:
        UsageError: it is in no session.
    """
    if text:
        slot = _DATA_SET.slot_of(naming.instant_of(text))
        context.days.require_slot(known.symbol, _DATA_SET, slot)
        return slot
    day = last = context.days.last_opened(context.now)
    for _ in range(_LOOKED_BACK):
        found = await chains.latest_slot(db, known.id, context.days.session(known.symbol, day))
        if found is not None:
            return found
        day = context.days.previous(day)
    # There is nothing lately: the page says so for the last slot that is over.
    session = context.days.session(known.symbol, last)
    return max(_DATA_SET.ended(session, context.now) - _DATA_SET.bar_size, session.open)


def _beside(context: Context, symbol: str, session: Session, slot: datetime, direction: int) -> datetime | None:
    """Return the slot before or after one, across sessions; None where it has not begun."""
    found = slot + direction * _DATA_SET.bar_size
    if found not in session.span:
        days = context.days
        other = days.session(symbol, days.next(session.day) if direction > 0 else days.previous(session.day))
        found = other.open if direction > 0 else other.close - _DATA_SET.bar_size
    return found if found <= context.now else None


def _shown(asked: Asked, expirations: Sequence[ExpirationInSlot]) -> date | None:
    """Return the expiration that is asked for, the first with volatilities where none is; None: all."""
    if asked.get("expiration", "") == _ALL or not expirations:
        return None
    wanted = named.day(asked, "expiration")
    if wanted is None:
        return next((one.expiration for one in expirations if one.valued), expirations[0].expiration)
    if wanted not in {one.expiration for one in expirations}:
        raise Unknown(
            f"no contract that is known expires on {wanted}",
            f"Expirations: {', '.join(str(one.expiration) for one in expirations)}.",
        )
    return wanted


def _expirations(rows: Sequence[Row], day: date, spot: float | None) -> Iterator[ExpirationInSlot]:
    for expiration, own in groupby(rows, key=lambda row: row["expiration_date"]):
        contracts = list(own)
        yield ExpirationInSlot(
            expiration=expiration,
            days=(expiration - day).days,
            contracts=len(contracts),
            expected=sum(bool(row["is_selected"]) for row in contracts),
            stored=sum(row["is_stored"] for row in contracts),
            quoted=sum(row["bid_close"] is not None and row["ask_close"] is not None for row in contracts),
            valued=sum(row["implied_volatility"] is not None for row in contracts),
            at_the_money=_at_the_money(contracts, spot),
        )


def _at_the_money(rows: Sequence[Row], spot: float | None) -> float | None:
    valued = [row for row in rows if row["implied_volatility"] is not None]
    if spot is None or not valued:
        return None
    nearest = min((row["strike"] for row in valued), key=lambda strike: abs(strike - spot))
    return fmean(row["implied_volatility"] for row in valued if row["strike"] == nearest)


def _strikes(rows: Iterable[Row], spot: float | None) -> tuple[StrikeInSlot, ...]:
    """Return rows of calls and puts, a row a strike and root: adjusted contracts stand beside the usual ones."""
    found: dict[tuple[float, str], dict[str, QuoteInSlot]] = {}
    for row in rows:
        key = (row["strike"], row["contract_symbol"][:6].strip())
        found.setdefault(key, {})[row["option_type"]] = _quote(row)
    return tuple(
        StrikeInSlot(strike, root, None if spot is None else strike / spot, sides.get("C"), sides.get("P"))
        for (strike, root), sides in sorted(found.items())
    )


def _is_wanted(one: QuoteInSlot | None) -> bool:
    return one is not None and (one.is_stored or one.is_expected)


def _quote(row: Row) -> QuoteInSlot:
    return QuoteInSlot(
        occ_symbol=row["contract_symbol"],
        address=named.address(row["present_symbol"]) or "",
        bid=row["bid_close"],
        ask=row["ask_close"],
        last=row["close"],
        volume=row["volume"],
        implied_volatility=row["implied_volatility"],
        delta=row["delta"],
        open_interest=row["open_interest"],
        is_stored=row["is_stored"],
        is_expected=bool(row["is_selected"]),
    )


def _smiles(rows: Sequence[Row], spot: float | None) -> tuple[tuple[float, ...], tuple[Smile, ...]]:
    """Return the strikes with a volatility out of the money, and each expiration's volatilities there."""
    found: dict[date, dict[float, float]] = {}
    for row in rows:
        out = spot is None or (row["strike"] >= spot) == (row["option_type"] == "C")
        if out and row["implied_volatility"] is not None:
            found.setdefault(row["expiration_date"], {}).setdefault(row["strike"], row["implied_volatility"])
    strikes = tuple(sorted({strike for own in found.values() for strike in own}))
    return strikes, tuple(Smile(day, tuple(own.get(strike) for strike in strikes)) for day, own in found.items())


def _title(found: ChainInSlot) -> str:
    return f"{found.symbol} chain"


PAGE = Page(
    path="/chains/{symbol}",
    title=_title,
    what="A symbol's options at an instant: calls, strikes, puts; the smile; what is missing.",
    model=ChainInSlot,
    answer=_answer,
    template="contracts/chain.html.j2",
    parameters=(
        Parameter("symbol", "the underlying's", "SPY"),
        Parameter("at", "an instant of the slot, New York's time unless it names a zone", "2026-11-20 15:30"),
        Parameter("expiration", "the one that is shown, or `all` for all smiles", "2026-11-23"),
    ),
)
