"""The page of a symbol's sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import structlog

from collector.app import reading
from collector.db.readers.contract_states import ContractState, SymbolSessions
from collector.domain.errors import CollectorError
from collector.market.calendar import Calendar
from collector.web.context import Context
from collector.web.page import Asked, Download, Page, Parameter
from collector.web.pages.coverage import grid_files

_SYMBOL = Parameter("symbol", "of the underlying", "SPY")

_SESSIONS = 60
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """A session. selected: contracts; counts: of these by state, states without any are absent."""

    day: date
    selected: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SymbolCoverage:
    """A symbol's latest sessions, the last one first. contracts: selected on any of them; states: that there are."""

    symbol: str
    contracts: int
    states: tuple[str, ...]
    sessions: tuple[SessionCounts, ...]

    @property
    def base(self) -> grid_files.Layer:
        """Return what lies below all layers."""
        return grid_files.STATE_BASE

    @property
    def layers(self) -> tuple[grid_files.Layer, ...]:
        """Return what a session may say."""
        return grid_files.STATE_LAYERS


_WORDS = {ContractState(one.value): one.words for one in grid_files.STATE_LAYERS}


async def _found(context: Context, asked: Asked) -> SymbolSessions:
    settings = context.settings
    async with context.reading() as db:
        [underlying] = await reading.known(db, [asked["symbol"]], settings.symbol_names)
        days = _days(context.days, context.days.last_opened(context.now))
        sessions = [context.days.session(underlying.symbol, day) for day in days]
        return await context.states.of(db, underlying, sessions, settings.series_for(underlying.symbol))


def _days(calendar: Calendar, last: date) -> list[date]:
    days = [last]
    while len(days) < _SESSIONS:
        days.append(calendar.previous(days[-1]))
    return days[::-1]


async def _answer(context: Context, asked: Asked) -> SymbolCoverage:
    found = await _found(context, asked)
    sessions = [
        SessionCounts(
            day,
            sum(count for state, count in counts.items() if state is not ContractState.NOT_SELECTED),
            {_WORDS[state]: count for state, count in counts.items() if state in _WORDS and count},
        )
        for day, counts in zip(found.sessions, found.counts(), strict=True)
    ]
    return SymbolCoverage(found.symbol, len(found.contracts), tuple(_WORDS.values()), tuple(reversed(sessions)))


async def _file(context: Context, asked: Asked) -> bytes:
    return grid_files.of_sessions(await _found(context, asked))


async def count_beforehand(context: Context) -> None:
    """Count the sessions of every symbol, so that whoever looks first waits no longer than whoever looks next.

    Without a database, or before anything is known of a symbol, there is nothing to count.
    """
    for symbol in context.settings.symbol_names:
        try:
            await _found(context, {"symbol": symbol})
        except CollectorError as error:
            log.debug("not_counted_beforehand", symbol=symbol, reason=error.message)
        except Exception:  # nobody waits for it: the page itself says what is wrong when it is asked for
            log.warning("not_counted_beforehand", symbol=symbol, exc_info=True)


PAGE = Page(
    path="/coverage/{symbol}",
    title=lambda it: f"{it.symbol}, the last {len(it.sessions)} sessions",
    what="How far each of the last 60 sessions of each contract has come.",
    model=SymbolCoverage,
    answer=_answer,
    template="coverage/symbol.html.j2",
    parameters=(_SYMBOL,),
)

GRID = Download(
    path="/coverage/{symbol}/grid",
    what="The last 60 sessions of each contract: a line of JSON that names rows, columns and states, then a byte each.",
    media_type=grid_files.MEDIA_TYPE,
    answer=_file,
    parameters=(_SYMBOL,),
)
