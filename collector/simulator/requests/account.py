"""Requests about accounts and orders.

What a client asks about accounts and orders. There are none: every list is empty and every order is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector.simulator import texts
from collector.simulator.wire_format import frame

if TYPE_CHECKING:
    from collector.simulator.connection import Connection
    from collector.simulator.wire_format import Fields


def nothing(connection: Connection, fields: Fields) -> None:
    """Accept a message that has no answer."""


def positions(connection: Connection, fields: Fields) -> None:  # noqa: ARG001 - nothing in it matters
    """Answer reqPositions: no positions."""
    connection.send(frame(62, 1))


def open_orders(connection: Connection, fields: Fields) -> None:  # noqa: ARG001 - nothing in it matters
    """Answer reqOpenOrders and reqAllOpenOrders: no orders."""
    connection.send(frame(53, 1))


def completed_orders(connection: Connection, fields: Fields) -> None:  # noqa: ARG001 - nothing in it matters
    """Answer reqCompletedOrders: none."""
    connection.send(frame(102))


def order(connection: Connection, fields: Fields) -> None:  # noqa: ARG001 - refused whatever it says
    """Refuse an order or its cancellation: the gateway is read-only."""
    connection.error(-1, 321, texts.READ_ONLY)


def account_updates(connection: Connection, fields: Fields) -> None:
    """Answer reqAccountUpdates with the account's type and the end of the download."""
    fields.skip(1)
    if not fields.flag():
        return
    account = connection.gateway.account
    now = connection.gateway.clock.now()
    connection.send(
        frame(6, 2, "AccountType", "INDIVIDUAL", "", account)
        + frame(6, 2, "NetLiquidation", "100000.00", "USD", account)
        + frame(8, 1, f"{now:%H:%M}")
        + frame(54, 1, account)
    )


def account_updates_multi(connection: Connection, fields: Fields) -> None:
    """Answer reqAccountUpdatesMulti: one value and the end."""
    fields.skip(1)
    req_id = fields.integer()
    account = connection.gateway.account
    connection.send(frame(73, 1, req_id, account, "", "NetLiquidation", "100000.00", "USD") + frame(74, 1, req_id))


def account_summary(connection: Connection, fields: Fields) -> None:
    """Answer reqAccountSummary: one value and the end."""
    fields.skip(1)
    req_id = fields.integer()
    account = connection.gateway.account
    connection.send(frame(63, 1, req_id, account, "NetLiquidation", "100000.00", "USD") + frame(64, 1, req_id))


def executions(connection: Connection, fields: Fields) -> None:
    """Answer reqExecutions: none."""
    fields.skip(1)
    connection.send(frame(55, 1, fields.integer()))


def next_ids(connection: Connection, fields: Fields) -> None:  # noqa: ARG001 - the count is ignored by IB too
    """Answer reqIds."""
    connection.send(frame(9, 1, 1))


def managed_accounts(connection: Connection, fields: Fields) -> None:  # noqa: ARG001 - nothing in it matters
    """Answer reqManagedAccts."""
    connection.send(frame(15, 1, connection.gateway.account))


def current_time(connection: Connection, fields: Fields) -> None:  # noqa: ARG001 - nothing in it matters
    """Answer reqCurrentTime with whole epoch seconds."""
    connection.send(frame(49, 1, int(connection.gateway.told_clock.now().timestamp())))


def user_info(connection: Connection, fields: Fields) -> None:
    """Answer reqUserInfo: no white branding."""
    connection.send(frame(107, fields.integer(), ""))
