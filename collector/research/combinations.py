"""Prices at which combinations could be bought and sold."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from collector.research import columns

_DIGITS = (14, 4)
_SCALE = 10_000


def table(quotes: pa.Table, ids: Sequence[int], quantities: Sequence[int], *, exact: bool) -> pa.Table:
    """Return legs side by side, by time; see `Reader.legs`.

    Args:
        quotes: time, contract_id, bid_close and ask_close of the legs.
        ids: the legs' contracts.
        quantities: how many of each are bought; below 0: sold.
        exact: decimals.
    """
    times, rows = np.unique(np.asarray(quotes["time"].cast(pa.int64()), dtype=np.int64), return_inverse=True)
    owners = np.asarray(quotes["contract_id"], dtype=np.int64)
    sides = {}
    for side in ("bid", "ask"):
        whole, known = columns.wholes(quotes[f"{side}_close"], _SCALE)
        for leg, contract_id in enumerate(ids, 1):
            own = owners == contract_id
            values, there = np.zeros(len(times), dtype=np.int64), np.zeros(len(times), dtype=np.bool_)
            values[rows[own]], there[rows[own]] = whole[own], known[own]
            sides[f"leg{leg}_{side}"] = values, there
    found = dict(sides)
    for name, bought, sold in (("buy_at", "ask", "bid"), ("sell_at", "bid", "ask")):
        total, all_there = np.zeros(len(times), dtype=np.int64), np.ones(len(times), dtype=np.bool_)
        for leg, quantity in enumerate(quantities, 1):
            values, there = sides[f"leg{leg}_{bought if quantity > 0 else sold}"]
            total, all_there = total + quantity * values, all_there & there
        found[name] = total, all_there
    shown = {
        name: columns.decimals_of(values, there, *_DIGITS) if exact else pa.array(values / _SCALE, mask=~there)
        for name, (values, there) in found.items()
    }
    order = [f"leg{leg}_{side}" for leg in range(1, len(ids) + 1) for side in ("bid", "ask")]
    at = pa.array(times).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    days = pa.array((times // columns.DAY_US).astype(np.int32)).cast(pa.date32())
    return pa.table(
        {
            "time": at,
            "new_york": at.cast(pa.timestamp("us", "America/New_York")),
            "session_date": days,
            **{name: shown[name] for name in (*order, "buy_at", "sell_at")},
        }
    )
