"""Settings of simulated markets.

How much a simulated market shows, and the markets that have a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from collector.simulator.exchange.liquidity import Liquidity
from collector.simulator.exchange.underlyings.corporate_actions import CorporateAction


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """How much the market shows.

    Attributes:
        symbols: the underlyings that are known; any other gets no answer.
        quote_depth_days: calendar days for which quotes of options can be asked (BID, ASK, MIDPOINT, BID_ASK).
        trade_depth_days: calendar days for which trades of options can be asked.
        purge_days: calendar days after its expiration on which a contract is forgotten.
        purge_hour: hour of that day in New York at which it is.
        contract_days_kept: contract-days of bars kept in memory, about 8 kB each.
        liveliness: trades of options, as a multiple of the usual number; thousands fill nearly every slot.
        far_trades: share of its usual trades that a contract has when it is far out of the money.
        unbid_below: model price in cents below which nobody bids and somebody asks 0.01 to 0.05 USD; at most 5.
        empty_share: share of the contracts far out of the money (two standard deviations and `near_band`) that have no
            bar at all on a session, at most 0.7; the same ones for a few sessions in a row.
        near_band: how far from the day's range of the underlying, as a share of it, a strike counts as near the money;
            contracts near the money have ASK bars all day.
        closed_days: sessions of the usual calendar on which the exchange is shut all the same: nothing has a bar.
        corporate_actions: splits and cash dividends of the underlyings.
        login_zone: zone of the gateway's login, in which the end of trading is told of contracts that expire within a
            week; None: their last trading day is told without time and zone.
    """

    symbols: tuple[str, ...] = ("SPY", "PLTR", "TSLA", "QQQ", "AAPL")
    quote_depth_days: int = 65
    trade_depth_days: int = 123
    purge_days: int = 1
    purge_hour: int = 0
    contract_days_kept: int = 6_000
    liveliness: float = 1.0
    far_trades: float = 1.0
    unbid_below: float = 0.0
    empty_share: float = 0.0
    near_band: float = 0.05
    closed_days: tuple[date, ...] = ()
    corporate_actions: tuple[CorporateAction, ...] = ()
    login_zone: str | None = None

    @property
    def liquidity(self) -> Liquidity:
        """How much is traded and quoted."""
        return Liquidity(self.liveliness, self.far_trades, self.unbid_below, self.empty_share, self.near_band)


MARKETS: Mapping[str, MarketSettings] = MappingProxyType(
    {
        "standard": MarketSettings(),
        "calibrated": MarketSettings(far_trades=0.1, unbid_below=5.0, empty_share=0.075),
    }
)
"""Name → settings.

`standard`: every contract is quoted all day. Benchmarks and the figures that are compared over time use it.

`calibrated`: in a chain some 50 to 70 % of the contracts do not trade on a session, 8 to 19 % have no bid in it (they
are asked at 0.01 to 0.05), 1 to 2 % have no bar at all; within 35 days of expiration and 15 % of the spot (SPY) or 35
% (PLTR, TSLA) it is 31 to 47 %, 9 to 19 %, and again 1 to 2 %. The first two follow a chain that is public, Ford's on
9 December 2020 eight seconds before the close, among the samples of a brokerage client
(github.com/areed1192/td-ameritrade-python-api, samples/responses/sample_option_chain.jsonc): of 494 contracts 49 %
had not traded, 23 % had no bid, and nine in ten of these were asked at 0.05 or less. That chain has an ask for every
contract, and no public count of contracts without any bar at IB is known: the share of empty ones, their being far
out of the money and their spells of two to five sessions are assumptions.
"""


def market_settings(name: str) -> MarketSettings:
    """Return the settings of a market by its name.

    Raises:
        KeyError: no market has that name; the message lists those that exist.
    """
    try:
        return MARKETS[name]
    except KeyError:
        raise KeyError(f"no market {name!r}; there are {', '.join(MARKETS)}") from None
