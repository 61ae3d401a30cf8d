"""What counts as near expiration and near the money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from collector.domain.coverage.selection import Market, Rule
from collector.domain.market_data.instruments import OptionContract


@dataclass(frozen=True, slots=True)
class Nearness:
    """What is soon, and what is near the money.

    days: expirations at most so many calendar days ahead are soon. money: chooses what lies near the money.
    """

    days: int
    money: Rule

    def near(self, contracts: Sequence[OptionContract], day: date, market: Market | None) -> list[OptionContract]:
        """Return the contracts that expire soon and lie near the money, in their order.

        Args:
            contracts: of one underlying.
            day: the session's date.
            market: where the underlying stands on it; None: not known, and then every strike is near the money.
        """
        money = self._near_money(contracts, market)
        return [one for one in contracts if self._is_soon(one, day) and one in money]

    def far(self, contracts: Sequence[OptionContract], day: date, market: Market | None) -> list[OptionContract]:
        """Return the contracts that neither expire soon nor lie near the money; in their order, arguments as `near`."""
        money = self._near_money(contracts, market)
        return [one for one in contracts if not self._is_soon(one, day) and one not in money]

    def _is_soon(self, contract: OptionContract, day: date) -> bool:
        return contract.expiration <= day + timedelta(days=self.days)

    def _near_money(self, contracts: Sequence[OptionContract], market: Market | None) -> frozenset[OptionContract]:
        return frozenset(contracts if market is None else self.money.chosen(contracts, market))
