"""Gateways that have nothing of some contracts, and do not say so."""

from collector.simulator.request_log import Request
from collector.simulator.scenarios.untruths import SilentHole


class OneDark(SilentHole):
    """The first contract that is asked for is dark: the source has nothing of it."""

    def _concerns(self, entry: Request) -> bool:
        if self.stage.market.option(entry.con_id) is not None:
            self.con_id = self.con_id or entry.con_id
        return super()._concerns(entry)


class HalfDark(SilentHole):
    """Every other contract is dark, the rest answers: controls are good, and nothing says that anything is wrong."""

    def _concerns(self, entry: Request) -> bool:
        return entry.con_id % 2 == 0 and super()._concerns(entry)


class SilentUnderlying(SilentHole):
    """No underlying has a bar; options answer."""

    def _concerns(self, entry: Request) -> bool:
        return self.stage.market.option(entry.con_id) is None
