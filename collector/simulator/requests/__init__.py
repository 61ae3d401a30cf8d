"""Requests that the simulated gateway understands.

The requests that the simulated gateway understands: message number to what answers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.simulator.requests import account, contracts, history, quotes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collector.simulator.connection import Connection
    from collector.simulator.wire_format import Fields

REQUESTS: Mapping[int, Callable[[Connection, Fields], None]] = {
    1: quotes.market_data,
    2: quotes.cancel_market_data,
    3: account.order,
    4: account.order,
    5: account.open_orders,
    6: account.account_updates,
    7: account.executions,
    8: account.next_ids,
    9: contracts.contract_details,
    14: account.nothing,
    15: account.nothing,
    16: account.open_orders,
    17: account.managed_accounts,
    20: history.historical,
    25: history.cancel_historical,
    49: account.current_time,
    58: account.order,
    59: quotes.market_data_type,
    61: account.positions,
    62: account.account_summary,
    63: account.nothing,
    64: account.nothing,
    76: account.account_updates_multi,
    77: account.nothing,
    78: contracts.chain_parameters,
    81: contracts.matching_symbols,
    87: history.head_timestamp,
    90: history.cancel_head_timestamp,
    91: contracts.market_rule,
    99: account.completed_orders,
    104: account.user_info,
}
"""By the number of the client's message; what is not here is refused with error 321."""
