"""Days of option contracts, drawn on demand.

Drawn a few neighbouring strikes at a time, and kept while they may be asked for again.
"""

from collections import OrderedDict
from datetime import date

import numpy as np

from collector.simulator.exchange import draws, quotes, series
from collector.simulator.exchange.chains import Chains
from collector.simulator.exchange.liquidity import Liquidity
from collector.simulator.exchange.listings import Option, Stock
from collector.simulator.exchange.series import SeriesArrays
from collector.simulator.exchange.underlyings.paths import SLOT_MINUTES, Paths

KEPT_SERIES = ("TRADES", "BID", "ASK")
"""The series that are summed up together, since whoever wants one wants the others."""

_NEIGHBOURS = 8
_FLAT = 21
_FLAT_SHARE = 0.6
"""How often a contract that did not trade in the slot after the regular close shows a flat bar without volume there."""


class ContractDays:
    """The 5-minute bars of option contracts on whole sessions.

    Args:
        seed: the market's seed.
        paths: the underlyings' paths.
        chains: the contracts.
        kept: number of contract-days kept in memory (about 8 kB each).
        liquidity: how much is traded and quoted.
    """

    def __init__(self, seed: int, paths: Paths, chains: Chains, kept: int, liquidity: Liquidity) -> None:
        self._seed, self._paths, self._chains = seed, paths, chains
        self._kept, self._liquidity = kept, liquidity
        self._days: OrderedDict[tuple[int, date], dict[str, SeriesArrays]] = OrderedDict()

    def whole(self, stock: Stock, option: Option, day: date, what_to_show: str) -> SeriesArrays | None:
        """Return a contract's 5-minute bars of a session on which it was listed, as if the session had ended.

        None means that there is no such series for options.
        """
        if what_to_show not in KEPT_SERIES:
            return self.formed(stock, option, day, what_to_show, None, SLOT_MINUTES)
        address = (option.con_id, day)
        found = self._days.get(address)
        if found is None:
            self._draw(stock, self._neighbours(stock, option, day), day)
            found = self._days[address]
        else:
            self._days.move_to_end(address)
        return found[what_to_show]

    def formed(
        self, stock: Stock, option: Option, day: date, what_to_show: str, minutes: int | None, size: int
    ) -> SeriesArrays | None:
        """Return bars of any size in minutes, as they look so many minutes after the open (None: at the close)."""
        tape = self.tape(stock, option, day)
        passed = tape.session.slots * SLOT_MINUTES if minutes is None else minutes
        if passed <= 0:
            return series.empty()
        bars = series.option_series(tape, 0, what_to_show, passed, size)
        if bars is None or what_to_show != "TRADES" or size != SLOT_MINUTES:
            return bars
        return self._with_flat_bar(stock, option.con_id, tape, passed, bars)

    def tape(self, stock: Stock, option: Option, day: date) -> quotes.Tape:
        """Return one contract's session minute by minute."""
        return quotes.tape(self._seed, stock, (option,), self._paths.day(stock, day), self._liquidity)

    def draw_all(self, stock: Stock, expiration: date, day: date) -> dict[int, dict[str, SeriesArrays]]:
        """Return the kept series of all contracts of an expiration on a session: con_id -> series -> bars.

        This is the cheapest way to many bars; nothing of it is kept.
        """
        listed = [one for one in self._chains.contracts(stock, expiration) if one.listed <= day <= expiration]
        drawn: dict[int, dict[str, SeriesArrays]] = {}
        for right in ("C", "P"):
            options = [one for one in listed if one.right == right]
            for first in range(0, len(options), 4 * _NEIGHBOURS):
                drawn |= self._summed(stock, options[first : first + 4 * _NEIGHBOURS], day)
        return drawn

    def _neighbours(self, stock: Stock, option: Option, day: date) -> list[Option]:
        contracts = self._chains.contracts(stock, option.expiration)
        same = contracts[0 if option.right == "C" else 1 :: 2]
        strikes = list(self._chains.strikes(stock, option.expiration))
        place = strikes.index(int(option.strike * 2))
        first = place - place % _NEIGHBOURS
        return [one for one in same[first : first + _NEIGHBOURS] if one.listed <= day]

    def _draw(self, stock: Stock, options: list[Option], day: date) -> None:
        for con_id, bars in self._summed(stock, options, day).items():
            self._days[con_id, day] = bars
            self._days.move_to_end((con_id, day))
        while len(self._days) > max(self._kept, _NEIGHBOURS):
            self._days.popitem(last=False)

    def _summed(self, stock: Stock, options: list[Option], day: date) -> dict[int, dict[str, SeriesArrays]]:
        tape = quotes.tape(self._seed, stock, options, self._paths.day(stock, day), self._liquidity)
        minutes = tape.session.slots * SLOT_MINUTES
        summed: dict[int, dict[str, SeriesArrays]] = {}
        for row, option in enumerate(options):
            trades = series.trade_bars(
                tape.session, tape.price[row], tape.trades[row], tape.volume[row], minutes, SLOT_MINUTES
            )
            summed[option.con_id] = {
                "TRADES": self._with_flat_bar(stock, option.con_id, tape, minutes, trades),
                "BID": series.point_bars(tape.session, tape.bid[row], series.CENTS, minutes, SLOT_MINUTES),
                "ASK": series.point_bars(tape.session, tape.ask[row], series.CENTS, minutes, SLOT_MINUTES),
            }
        return summed

    def _with_flat_bar(
        self, stock: Stock, con_id: int, tape: quotes.Tape, minutes: int, bars: SeriesArrays
    ) -> SeriesArrays:
        """Add IB's flat bar without volume at 16:00 (13:00) to contracts that go on trading after it."""
        at = tape.session.regular_close
        if not stock.late_close or tape.session.open + 60 * (minutes - SLOT_MINUTES) < at:
            return bars
        chance = draws.key(self._seed, con_id, tape.session.day.toordinal(), _FLAT) / 2.0**64
        place = int(np.searchsorted(bars.time, at))
        taken = place < len(bars) and int(bars.time[place]) == at
        if place == 0 or taken or chance >= _FLAT_SHARE:
            return bars
        return series.joined([bars.take(slice(0, place)), flat(bars, place - 1, at), bars.take(slice(place, None))])


def flat(bars: SeriesArrays, place: int, at: int) -> SeriesArrays:
    """Return one bar without volume at the close of the bar at a place; `at` is in epoch seconds."""
    price = bars.close[place : place + 1]
    none = np.zeros(1, dtype=np.int64)
    return SeriesArrays(
        np.array([at], dtype=np.int64),
        price,
        price,
        price,
        price,
        none,
        price * (series.WAP_SCALE // series.CENTS),
        none,
    )
