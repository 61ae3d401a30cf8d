"""How thin the far contracts are.

Without bids, without trades, or without any bar at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.simulator.exchange import draws, sessions
from collector.simulator.exchange.listings import Option
from collector.simulator.exchange.underlyings.paths import DayPath

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_EMPTY, _WORTHLESS = 41, 42
_BLOCK, _SHORTEST = 5, 2
"""Sessions among which an empty spell lies, and the fewest that it lasts; it may last them all."""
_MEAN_SPELL = (_SHORTEST + _BLOCK) / 2 / _BLOCK
_FAR = 2.0
"""Standard deviations out of the money from which on a contract may be without any bar."""
_DEAREST_WORTHLESS = 5
"""Highest ask, in cents, of what nobody bids for."""


@dataclass(frozen=True, slots=True)
class Liquidity:
    """How much is traded and quoted.

    Attributes:
        liveliness: trades of options, as a multiple of the usual number.
        far_trades: share of its usual trades that a contract has when it is far out of the money.
        unbid_below: model price in cents below which nobody bids and somebody asks 0.01 to 0.05 USD; at most 5.
        empty_share: share of the far contracts that have no bar at all on a session; at most 0.7.
        near_band: how far from the day's range of the underlying, as a share of it, a strike counts as near the
            money; such a contract is never without any bar.

    Raises:
        ValueError: a figure is beyond what it may be.
    """

    liveliness: float = 1.0
    far_trades: float = 1.0
    unbid_below: float = 0.0
    empty_share: float = 0.0
    near_band: float = 0.05

    def __post_init__(self) -> None:
        if not 0.0 <= self.unbid_below <= _DEAREST_WORTHLESS:
            raise ValueError(f"unbid_below is {self.unbid_below} cents, which nobody would ask 0.05 USD for")
        if not 0.0 <= self.empty_share <= _MEAN_SPELL:
            raise ValueError(f"empty_share is {self.empty_share}; spells leave room for {_MEAN_SPELL} at most")

    def crowd(self, outside: Floats) -> Floats | float:
        """Return the factor of contracts' trades; `outside` is how far out of the money, in standard deviations."""
        if self.far_trades == 1.0:
            return self.liveliness
        thin = 1.0 - np.exp(-0.5 * np.maximum(outside, 0.0) ** 2)
        thinned: Floats = self.liveliness * (1.0 - (1.0 - self.far_trades) * thin)
        return thinned

    def without_bids(
        self, seed: int, options: Sequence[Option], path: DayPath, fair: Floats, quoted: tuple[Ints, Ints]
    ) -> tuple[Ints, Ints]:
        """Return bid and ask in cents after those have stepped back who will not bid for what is worth next to nothing.

        Args:
            seed: the market's seed.
            options: the contracts, a row each.
            path: the underlying's day.
            fair: model prices, USD.
            quoted: bids and asks in cents as they would be.
        """
        bid, ask = quoted
        if self.unbid_below <= 0.0:
            return bid, ask
        day = path.session.day.toordinal()
        words = [draws.key(seed, option.con_id, day, _WORTHLESS) % _DEAREST_WORTHLESS for option in options]
        dearest = 1 + np.array(words, dtype=np.int64)[:, None]
        worthless = 100.0 * fair < self.unbid_below
        asked = np.minimum(np.maximum(ask, dearest), _DEAREST_WORTHLESS)
        return np.where(worthless, 0, bid), np.where(worthless, asked, ask)

    def empty(self, seed: int, options: Sequence[Option], path: DayPath, outside: Floats) -> Flags:
        """Return which contracts have no bar on a session.

        The same contract is empty for a few sessions in a row, as long as it stays far from the money.

        Args:
            seed: the market's seed.
            options: the contracts.
            path: the underlying's day.
            outside: how far each is out of the money at the open, in standard deviations, as a column.
        """
        if self.empty_share <= 0.0:
            return np.zeros(len(options), dtype=bool)
        number = sessions.position(path.session.day)
        low = (1.0 - self.near_band) * float(path.low.min()) / 100.0
        high = (1.0 + self.near_band) * float(path.high.max()) / 100.0
        return np.array(
            [
                far > _FAR and not low <= float(option.strike) <= high and self._in_spell(seed, option.con_id, number)
                for option, far in zip(options, outside[:, 0].tolist(), strict=True)
            ],
            dtype=bool,
        )

    def _in_spell(self, seed: int, con_id: int, number: int) -> bool:
        """Return whether a session, by its number, lies in one of a contract's empty spells."""
        block, place = divmod(number + con_id % _BLOCK, _BLOCK)
        word = draws.key(seed, con_id, _EMPTY, block)
        if (word >> 16) / 2.0**48 >= self.empty_share / _MEAN_SPELL:
            return False
        length = _SHORTEST + word % (_BLOCK - _SHORTEST + 1)
        first = (word >> 8) % (_BLOCK - length + 1)
        return bool(first <= place < first + length)


USUAL = Liquidity()
"""Every contract is quoted all day; what it trades is what the model says."""
