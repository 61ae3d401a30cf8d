"""The page of one contract."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from collector.db.connection.pool import Database
from collector.db.readers import bar_records, histories
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import UsageError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Underlying
from collector.domain.market_data.sessions import Session
from collector.lineage import histories as lineage
from collector.lineage.histories import Revision, Step
from collector.lineage.missing import missing
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter
from collector.web.pages.contracts import named


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What a contract was called and promised. until: when other terms followed, None of the present ones.

    occ_symbol: as people write it. strike: USD per share.
    """

    occ_symbol: str
    expiration: date
    strike: float
    is_call: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ContractHistory:
    """A contract's session, slot by slot, or its life, session by session.

    occ_symbol: as people write it; address: of its page. strike: USD per share. day: the session's, None of a life.
    previous_day, next_day: the sessions before and after, as far as it has a life. below, above, other_right: addresses
    of the contracts beside it. first_day, last_day: with bars, None without any. open_interest: as told last in what is
    shown. missing: why something is not final, a sentence a cause. steps: ascending. terms: the earliest first.
    """

    occ_symbol: str
    address: str
    symbol: str
    expiration: date
    strike: Decimal
    is_call: bool
    multiplier: int
    trading_class: str
    first_seen: date | None
    first_day: date | None
    last_day: date | None
    day: date | None
    previous_day: date | None
    next_day: date | None
    below: str | None
    above: str | None
    other_right: str | None
    open_interest: int | None
    steps: tuple[Step, ...]
    missing: tuple[str, ...]
    revisions: tuple[Revision, ...]
    terms: tuple[ContractTerms, ...]


async def _answer(context: Context, asked: Asked) -> ContractHistory:
    wanted, whole = named.day(asked, "day"), asked.get("life", "") not in ("", "0")
    if whole and wanted is not None:
        raise UsageError("a day and the whole life were asked for", "Leave out day= or life=1.")
    async with context.reading() as db:
        contract, underlying = await named.contract(db, asked["occ"])
        bounds = await histories.bounds(db, contract.id)
        first_day, last_day = _day(bounds.first_bar), _day(bounds.latest_bar)
        last = min(contract.expiration, context.days.last_opened(context.now))
        day = None if whole else wanted or last_day or last
        sentences: tuple[str, ...] = ()
        if day is None:
            steps = await _life(context, db, underlying, contract, first_day or bounds.first_seen, last)
            span = lineage.span_of_days(steps[0].time.date(), last) if steps else None
        else:
            session = context.days.session(contract.symbol, day)
            steps, sentences = await _session(context, db, underlying, contract, session)
            span = session.span
        revisions = () if span is None else await lineage.revisions(db, contract, span)
        terms = await bar_records.terms(db, contract.id)
        beside = await histories.beside(db, contract.id)
    return ContractHistory(
        occ_symbol=named.spoken(contract.occ_symbol),
        address=named.address(contract.occ_symbol) or "",
        symbol=underlying.symbol,
        expiration=contract.expiration,
        strike=contract.strike,
        is_call=contract.right == "C",
        multiplier=contract.multiplier,
        trading_class=contract.trading_class,
        first_seen=bounds.first_seen,
        first_day=first_day,
        last_day=last_day,
        day=day,
        previous_day=_neighbour(context, day, first_day or bounds.first_seen or last, last, -1),
        next_day=_neighbour(context, day, first_day or bounds.first_seen or last, last, 1),
        below=named.address(beside.below),
        above=named.address(beside.above),
        other_right=named.address(beside.other_right),
        open_interest=next((one.open_interest for one in reversed(steps) if one.open_interest is not None), None),
        steps=steps,
        missing=sentences,
        revisions=revisions,
        terms=tuple(
            ContractTerms(
                named.spoken(row["contract_symbol"]),
                row["expiration_date"],
                row["strike"],
                row["is_call"],
                row["until"],
            )
            for row in terms
        ),
    )


async def _session(
    context: Context, db: Database, underlying: Underlying, contract: OptionContract, session: Session
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    series = context.settings.series_for(underlying.symbol) or OPTION_BARS_5MIN.series
    found = await missing(db, underlying, OPTION_BARS_5MIN, session, series, contract)
    return await lineage.slots(db, contract, session, found), found.sentences


async def _life(
    context: Context, db: Database, underlying: Underlying, contract: OptionContract, first: date | None, last: date
) -> tuple[Step, ...]:
    if first is None or last < first:
        return ()
    series = context.settings.series_for(underlying.symbol) or OPTION_BARS_5MIN.series
    return await lineage.sessions(db, underlying, contract, context.days.sessions(contract.symbol, first, last), series)


def _neighbour(context: Context, day: date | None, first: date, last: date, direction: int) -> date | None:
    """Return the session before or after one, None outside what the contract has lived."""
    if day is None:
        return None
    found = context.days.next(day) if direction > 0 else context.days.previous(day)
    return found if first <= found <= last else None


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.astimezone(NEW_YORK).date()


def _title(found: ContractHistory) -> str:
    return found.occ_symbol


PAGE = Page(
    path="/contracts/{occ}",
    title=_title,
    what="One contract: prices, quotes, volume, volatility and holes of a session, or of its life.",
    model=ContractHistory,
    answer=_answer,
    template="contracts/contract.html.j2",
    parameters=(
        Parameter("occ", "the contract's OCC symbol, with or without blanks", "SPY261123C00709000"),
        Parameter("day", "the session; the last one with bars where it is left out", "2026-11-20"),
        Parameter("life", "1: the whole life, a step a session", "1"),
    ),
)
