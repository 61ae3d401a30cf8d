"""The simulated market.

What exists, what it is worth, what traded, and what IB would tell of it at any instant.

Everything is a function of the seed; the clock only decides how much of it has happened. Nothing here knows the wire.

The model, for whoever wants to recover it: at the end of a bar the underlying's price is the close of its TRADES bar
exactly; an option's value is that of an American option under `Stock.rate` and `Stock.dividend_yield` (continuous
compounding) and `Market.true_volatility`, with time counted in years of 365 days to the product's own close on the
expiration day; and the value lies between the closes of its BID and ASK bars. What holds where an underlying splits
stands in `exchange.underlyings.corporate_actions`.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Self

import numpy as np

from collector.clock import Clock
from collector.simulator.exchange import chains, listings, quotes, series, sessions, snapshots
from collector.simulator.exchange.contract_days import ContractDays, flat
from collector.simulator.exchange.listings import STOCKS, ChainShape, Index, Option, Quote, Right, SimBar, Stock
from collector.simulator.exchange.revisions import Revision, revised
from collector.simulator.exchange.series import SeriesArrays
from collector.simulator.exchange.sessions import SLOT_S, Session
from collector.simulator.exchange.underlyings.corporate_actions import Dividend, Split, dividends_of
from collector.simulator.exchange.underlyings.paths import SLOT_MINUTES, Paths
from collector.simulator.exchange.underlyings.underlying_days import DAY_S, UnderlyingDays
from collector.simulator.exchange.valuation import smile
from collector.simulator.settings import MarketSettings

__all__ = [
    "ChainShape", "Dividend", "Market", "MarketSettings", "Option", "Quote", "Revision", "Right", "SeriesArrays",
    "SimBar", "Split", "Stock",
]  # fmt: skip

_MINUTE_S = 60
FIRST_DAY = date(2019, 1, 2)
"""The first session of which bars of less than a day exist."""
FIRST_DAILY = date(2010, 1, 4)
"""The first session of which daily bars of underlyings exist."""


_DEFAULTS = MarketSettings()
_MEMORY = ("quote_depth_days", "trade_depth_days", "purge_days", "purge_hour")


class Market:
    """A market that is the same for everyone who gives the same seed.

    Args:
        seed: any integer; decides every price and every trade.
        clock: says how much has happened.
        settings: how much is shown.

    Attributes:
        settings: the settings.
        revisions: the corrections that were announced, in order.
    """

    def __init__(self, seed: int, clock: Clock, settings: MarketSettings = _DEFAULTS) -> None:
        self.seed, self.settings = seed, settings
        self.revisions: list[Revision] = []
        self._clock = clock
        self._stocks = {
            stock.symbol: replace(stock, dividends=paid) if paid else stock
            for stock in STOCKS
            if stock.symbol in settings.symbols
            for paid in [dividends_of(stock.symbol, settings.corporate_actions)]
        }
        self._by_con_id = {stock.con_id: stock for stock in self._stocks.values()}
        self._paths = Paths(seed)
        self._chains = chains.Chains(self._paths)
        self._days = ContractDays(seed, self._paths, self._chains, settings.contract_days_kept, settings.liquidity)
        self._underlyings = UnderlyingDays(self._paths, self.stocks, settings.corporate_actions, self.revisions)

    def remembering(self, **memory: int) -> Self:
        """Return the same market seen through another memory; the bars that are already drawn are shared.

        Args:
            memory: new values of `quote_depth_days`, `trade_depth_days`, `purge_days` and `purge_hour`.

        Raises:
            ValueError: another setting is meant; that would be another market.
        """
        if others := memory.keys() - _MEMORY:
            raise ValueError(f"{', '.join(sorted(others))} belong to the market itself; only {', '.join(_MEMORY)} vary")
        seen = copy(self)
        seen.settings = replace(self.settings, **memory)  # type: ignore[arg-type]  # all four are whole numbers
        return seen

    @property
    def stocks(self) -> tuple[Stock, ...]:
        """The underlyings."""
        return tuple(self._stocks.values())

    def stock(self, symbol: str) -> Stock | None:
        """Return an underlying, None when the symbol is unknown."""
        return self._stocks.get(symbol)

    @property
    def indices(self) -> tuple[Index, ...]:
        """The indices of what trades here."""
        return tuple(index for index in listings.INDICES if index.of in self._stocks)

    def option(self, con_id: int) -> Option | None:
        """Return a contract, also one not listed yet or long purged; None when there never is such a contract."""
        found = self._chains.option(con_id)
        return found if found is not None and found.symbol in self._stocks else None

    def options(
        self, symbol: str, expiration: date | None = None, right: Right | None = None, strike: Decimal | None = None
    ) -> tuple[Option, ...]:
        """Return the contracts that are listed and not purged now, by expiration, strike and right."""
        stock = self._stocks.get(symbol)
        if stock is None:
            return ()
        wanted = self._expirations(stock) if expiration is None else (expiration,)
        today = sessions.local_date(self._clock.now())
        return tuple(
            one
            for day in wanted
            if not self._is_purged(day)
            for one in self._chains.contracts(stock, day)
            if one.listed <= today
            and (right is None or one.right == right)
            and (strike is None or one.strike == strike)
        )

    def chain(self, symbol: str) -> ChainShape | None:
        """Return expirations and strikes of what is listed now, None for an unknown symbol; not all combine."""
        stock = self._stocks.get(symbol)
        if stock is None:
            return None
        today = sessions.local_date(self._clock.now())
        expirations, halves = [], set()
        for day in self._expirations(stock):
            strikes = {strike for strike, listed in self._chains.strikes(stock, day).items() if listed <= today}
            if strikes and not self._is_purged(day):
                expirations.append(day)
                halves |= strikes
        return ChainShape("SMART", symbol, "100", tuple(expirations), tuple(Decimal(one) / 2 for one in sorted(halves)))

    def expired(self, option: Option) -> bool:
        """Tell whether a contract's last session has ended."""
        close = self.product_close(option.symbol, option.expiration)
        return close is not None and self._clock.now() >= close

    def purged(self, option: Option) -> bool:
        """Tell whether the exchange has forgotten a contract: neither details nor bars are given any more."""
        return self._is_purged(option.expiration)

    def _is_purged(self, expiration: date) -> bool:
        day = expiration + timedelta(days=self.settings.purge_days)
        return self._now() >= sessions.epoch(day, self.settings.purge_hour)

    def product_close(self, symbol: str, day: date) -> datetime | None:
        """Return when a symbol and its options stop trading on a day, None when it is no session."""
        session = self._session(self._stocks[symbol], day)
        return None if session is None else sessions.utc(session.close)

    def history(
        self, con_id: int, what_to_show: str, start: datetime, end: datetime, bar_s: int = 300, use_rth: bool = False
    ) -> tuple[SimBar, ...]:
        """Return the bars that IB would send now, ascending, the one that is still forming included.

        Args:
            con_id: an underlying or a contract; unknown and purged ones have no bars.
            what_to_show: TRADES, BID, ASK, MIDPOINT or BID_ASK, and for underlyings OPTION_IMPLIED_VOLATILITY,
                HISTORICAL_VOLATILITY and ADJUSTED_LAST; other series have no bars.
            start: first instant at which a bar may start, aware.
            end: instant from which on none may start, aware.
            bar_s: seconds of a bar. Bars of less than a minute stand at the end of each minute in which something
                happened; from one day on a bar is a session.
            use_rth: only the equity session, which ends at 16:00 (13:00).
        """
        return series.as_bars(self.arrays(con_id, what_to_show, start, end, bar_s, use_rth))

    def history_fields(
        self, con_id: int, what_to_show: str, start: datetime, end: datetime, bar_s: int = 300, use_rth: bool = False
    ) -> tuple[int, str]:
        """Return (number of bars, their text fields), the same bars as `history` with epoch times, much faster.

        Eight fields a bar, each ended by a NUL: date, open, high, low, close, volume, average, count.
        """
        bars = self.arrays(con_id, what_to_show, start, end, bar_s, use_rth)
        return len(bars), series.as_fields(bars)

    def truth(self, con_id: int, what_to_show: str, span: tuple[datetime, datetime]) -> tuple[SimBar, ...]:
        """Return all complete 5-minute bars that start in a span, whatever the depth of history and the purge.

        The corrections that are in force now are in it; sessions and slots that have not ended are not.
        """
        return series.as_bars(self.arrays(con_id, what_to_show, *span, complete=True))

    def daily_truth(
        self, con_id: int, what_to_show: str, first: date, last: date, as_of: datetime | None = None
    ) -> dict[date, SimBar]:
        """Return the daily bars of the regular sessions that have ended: session date -> bar, ascending.

        Args:
            con_id: an underlying or an index; anything else has none.
            what_to_show: TRADES, ADJUSTED_LAST or another series of underlyings.
            first: first session date, in New York.
            last: last session date, included.
            as_of: the instant whose corrections, splits and dividends are in them, aware; now by default.
        """
        if self.option(con_id) is not None:
            return {}
        start, end = (sessions.utc(sessions.epoch(day, 0)) for day in (first, last + timedelta(days=1)))
        bars = self.arrays(con_id, what_to_show, start, end, DAY_S, use_rth=True, complete=True, as_of=as_of)
        return {sessions.local_date(bar.time): bar for bar in series.as_bars(bars)}

    def arrays(
        self,
        con_id: int,
        what_to_show: str,
        start: datetime,
        end: datetime,
        bar_s: int = SLOT_S,
        use_rth: bool = False,
        *,
        complete: bool = False,
        as_of: datetime | None = None,
    ) -> SeriesArrays:
        """Return the bars of `history` (or, if complete, of `truth`) as whole numbers, as of now by default."""
        now = self._now() if as_of is None else int(as_of.timestamp())
        index = next((one for one in self.indices if one.con_id == con_id), None)
        if index is not None:
            con_id = self._stocks[index.of].con_id
            what_to_show = "VOLATILITY_INDEX" if what_to_show in {"TRADES", "ADJUSTED_LAST"} else "none"
        first, last = int(np.ceil(start.timestamp())), int(np.ceil(end.timestamp()))
        option = None if con_id in self._by_con_id else self.option(con_id)
        stock = self._by_con_id.get(con_id) if option is None else self._stocks[option.symbol]
        if stock is None or (option is not None and not complete and self.purged(option)):
            return series.empty()
        since = FIRST_DAILY if option is None and bar_s >= DAY_S else FIRST_DAY
        if option is not None:
            since = max(since, option.listed, date.min if complete else self._oldest(what_to_show))
        until = sessions.local_date(sessions.utc(last - 1))
        if option is not None:
            until = min(until, option.expiration)
        parts = []
        shut = self.settings.closed_days
        for day in sessions.sessions_between(max(since, sessions.local_date(start)), until):
            if day in shut:
                continue
            bars = (
                self._underlyings.bars(stock, day, what_to_show, bar_s, now, use_rth=use_rth, complete=complete)
                if option is None
                else self._bars(stock, option, day, what_to_show, bar_s, now, use_rth=use_rth, complete=complete)
            )
            if bars is None:
                break
            parts.append(bars.between(first, last))
        return series.joined(parts)

    def expiration_day(self, symbol: str, expiration: date, day: date) -> Mapping[int, Mapping[str, SeriesArrays]]:
        """Return TRADES, BID and ASK of all contracts of an expiration on a whole session: con_id -> series -> bars.

        The cheapest way to many bars, for benchmarks; it looks at neither clock nor corrections.
        """
        return self._days.draw_all(self._stocks[symbol], expiration, day)

    def revise(
        self,
        day: date,
        at: datetime,
        *,
        what_to_show: str | None = None,
        con_id: int | None = None,
        share: float = 0.1,
        seed: int = 0,
    ) -> Revision:
        """Announce that from an instant on some bars of a day have other values; see `Revision` for the arguments."""
        revision = Revision(day, at, what_to_show, con_id, share, seed)
        self.revisions.append(revision)
        return revision

    def quote(self, con_id: int) -> Quote:
        """Return the market of an underlying or a contract now; outside sessions the last one that there was.

        Raises:
            KeyError: there is no such contract, or nothing was ever quoted in it.
        """
        stock, option = self._either(con_id)
        day, minutes = self._moment(stock, self._now(), None if option is None else option.expiration)
        if option is None:
            path, closed = self._underlyings.traded(stock, day), self._underlyings.previous_close(stock, day)
            return snapshots.stock_quote(stock, path, minutes, closed)
        path = self._paths.day(stock, day)
        if day < option.listed:
            raise KeyError(con_id)
        before = sessions.previous_session(day)
        earlier = self._paths.day(stock, before) if before >= option.listed else None
        tape = self._days.tape(stock, option, day)
        interest = quotes.open_interest(self.seed, stock, option, path)
        return snapshots.option_quote(stock, option, path, tape, minutes, earlier, interest)

    def open_interest(self, con_id: int, day: date) -> int:
        """Return a contract's open interest as told on a day (of the previous close); 0 before its listing.

        Raises:
            KeyError: there is no such option.
        """
        stock, option = self._either(con_id)
        if option is None:
            raise KeyError(con_id)
        known = sessions.session_on_or_before(min(day, option.expiration))
        if known < option.listed:
            return 0
        return quotes.open_interest(self.seed, stock, option, self._paths.day(stock, known))

    def true_volatility(self, con_id: int, instant: datetime) -> float:
        """Return the volatility a year at which a contract is priced; for an underlying its 30-day level.

        Outside sessions it is that of the end of the last one.

        Raises:
            KeyError: there is no such contract.
        """
        stock, option = self._either(con_id)
        at = int(instant.timestamp())
        day, minutes = self._moment(stock, at, None if option is None else option.expiration)
        path = self._paths.day(stock, day)
        level = path.volatility[minutes : minutes + 1]
        if option is None:
            return float(level[0])
        years = smile.years_left(stock, option.expiration, np.array([path.session.open + _MINUTE_S * minutes]))
        spot, strike = path.cents[minutes : minutes + 1] / 100.0, np.array([float(option.strike)])
        return float(smile.volatility(stock, level, spot, strike, years)[0])

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    @staticmethod
    def _session(stock: Stock, day: date) -> Session | None:
        return sessions.session(day, late_close=stock.late_close)

    def _either(self, con_id: int) -> tuple[Stock, Option | None]:
        stock = self._by_con_id.get(con_id)
        if stock is not None:
            return stock, None
        option = self.option(con_id)
        if option is None:
            raise KeyError(con_id)
        return self._stocks[option.symbol], option

    def _expirations(self, stock: Stock) -> tuple[date, ...]:
        today = sessions.local_date(self._clock.now())
        kept = chains.expirations(stock, today - timedelta(days=self.settings.purge_days + 1))
        return tuple(sorted({*kept, *chains.expirations(stock, today)}))

    def _oldest(self, what_to_show: str) -> date:
        depth = self.settings.trade_depth_days if what_to_show == "TRADES" else self.settings.quote_depth_days
        return sessions.local_date(self._clock.now()) - timedelta(days=depth)

    def _moment(self, stock: Stock, at: int, last: date | None) -> tuple[date, int]:
        """Return the session and its minute that an instant sees: the latest that has begun, not after a last day."""
        today = sessions.local_date(sessions.utc(at))
        day = sessions.session_on_or_before(today if last is None else min(today, last))
        session = self._session(stock, day)
        if session is not None and at < session.open:
            session = self._session(stock, sessions.previous_session(day))
        if session is None:
            raise KeyError(day)
        return session.day, min((at - session.open) // _MINUTE_S, session.slots * SLOT_MINUTES)

    def _bars(
        self,
        stock: Stock,
        option: Option,
        day: date,
        what_to_show: str,
        bar_s: int,
        now: int,
        *,
        use_rth: bool,
        complete: bool,
    ) -> SeriesArrays | None:
        """Return a contract's bars of a day as far as they have happened; None when there is no such series."""
        session = self._session(stock, day)
        if session is None or session.open >= now:
            return series.empty()
        whole = session.slots * SLOT_MINUTES
        minutes = min((now - session.open) // _MINUTE_S, whole)
        if complete:
            minutes -= minutes % SLOT_MINUTES
        size = min(max(bar_s // _MINUTE_S, 1), whole)
        if size == SLOT_MINUTES and minutes == whole:
            bars = self._days.whole(stock, option, day, what_to_show)
        elif minutes == 0:
            return series.empty()
        else:
            bars = self._days.formed(stock, option, day, what_to_show, minutes, size)
        if bars is None:
            return None
        bars = revised(self.revisions, bars, option.con_id, what_to_show, day, now, penny=stock.penny)
        if bar_s < _MINUTE_S and len(bars):
            bars = series.shifted(bars, _MINUTE_S - bar_s)
        return self._regular(bars, session, what_to_show) if use_rth and stock.late_close else bars

    @staticmethod
    def _regular(bars: SeriesArrays, session: Session, what_to_show: str) -> SeriesArrays:
        """Return the equity session's bars; a contract that traded shows a flat bar without volume after them."""
        regular = bars.between(session.open, session.regular_close)
        if what_to_show != "TRADES" or not len(regular) or len(regular) == len(bars):
            return regular
        return series.joined([regular, flat(regular, len(regular) - 1, session.regular_close)])
