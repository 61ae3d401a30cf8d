"""Read and write the Greeks of stored bars.

Implied volatilities and Greeks in the bar table: what lacks them, the prices they are made of, writing them back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from collector.db.connection.pool import Database, Statements
from collector.domain.market_data.bars import SCALE
from collector.domain.market_data.sessions import Session
from collector.domain.pricing.chain import ABSENT, Computed, Terms
from collector.domain.pricing.normal import Floats
from collector.domain.pricing.reasons import GreeksReason
from collector.domain.quality.flags import SlotFlag

_COLUMNS = (
    "contract_id", "time", "implied_volatility", "delta", "gamma", "theta", "vega", "rho", "greeks_reason",
)  # fmt: skip
_NULLS = "\t".join([r"\N"] * 6)
_SCALES = (10_000, 10_000, 1_000_000, 10_000, 10_000, 10_000)
"""What the last kept digits of IV, delta, gamma, theta, vega and rho are of 1."""


@dataclass(frozen=True, slots=True)
class StoredPrices:
    """One expiration on one session as stored: by contract, and contracts × slots (NaN where nothing is)."""

    contract_ids: npt.NDArray[np.int64]
    strike: Floats
    is_call: npt.NDArray[np.bool_]
    present: npt.NDArray[np.bool_]
    bid: Floats
    ask: Floats
    trade: Floats
    volume: Floats
    flags: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Level:
    """The underlying in one slot: range and close in USD, bits of `SlotFlag`."""

    time: datetime
    low: float
    high: float
    close: float
    flags: int


async def version_of(db: Statements, parameters: dict[str, Any]) -> int:
    """Return the version of a set of parameters; parameters that were never used get a new one."""
    found: int = await db.fetchval("greeks_version", parameters, db.clock.now())
    return found


async def pending(db: Statements, underlying_id: int, session: Session, version: int | None) -> list[date]:
    """Return the expirations of which a bar of the session lacks a version's Greeks (None: all that have bars).

    A bar that had none for want of the underlying's price lacks them once that price has come; one that was computed
    before the day's dividend was told, once it is.
    """
    unknown, doubted = int(GreeksReason.NO_UNDERLYING), int(SlotFlag.TRADE_JUMP)
    rows = await db.fetch(
        "pending_expirations", underlying_id, session.open, session.close, version, unknown, doubted, session.day
    )
    return [row["expiration_date"] for row in rows]


async def levels(db: Statements, underlying_id: int, session: Session) -> list[Level]:
    """Return the underlying's bars of a session, ascending."""
    rows = await db.fetch("underlying_closes", underlying_id, session.open, session.close)
    return [Level(row["time"], row["low"], row["high"], row["close"], row["flags"]) for row in rows]


async def prices(
    db: Statements, underlying_id: int, session: Session, expiration: date, epochs: Sequence[int]
) -> StoredPrices:
    """Return the stored prices of one expiration on a session.

    Args:
        db: the database.
        underlying_id: whose options.
        session: the session.
        expiration: the expiration.
        epochs: the slots' starts in epoch seconds; bars that start elsewhere are left out.
    """
    rows = await db.fetch("expiration_bars", underlying_id, expiration, session.open, session.close)
    slots = {epoch: place for place, epoch in enumerate(epochs)}
    contracts: dict[int, tuple[float, bool]] = {}
    for row in rows:
        contracts[row["contract_id"]] = (row["strike"], row["is_call"])
    ids = sorted(contracts)
    places = {id_: place for place, id_ in enumerate(ids)}
    shape = (len(ids), len(epochs))
    bid, ask, trade = (np.full(shape, np.nan) for _ in range(3))
    volume, flags = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    present = np.zeros(shape, dtype=bool)
    inside = [row for row in rows if row["epoch"] in slots]
    if inside:
        at = (
            np.array([places[row["contract_id"]] for row in inside]),
            np.array([slots[row["epoch"]] for row in inside]),
        )
        present[at] = True
        for target, name in ((bid, "bid"), (ask, "ask"), (trade, "trade")):
            target[at] = np.array([row[name] for row in inside], dtype=np.float64)
        volume[at] = np.nan_to_num(np.array([row["volume"] for row in inside], dtype=np.float64))
        flags[at] = [row["flags"] for row in inside]
    return StoredPrices(
        contract_ids=np.array(ids, dtype=np.int64),
        strike=np.array([contracts[id_][0] for id_ in ids], dtype=np.float64),
        is_call=np.array([contracts[id_][1] for id_ in ids], dtype=bool),
        present=present,
        bid=bid,
        ask=ask,
        trade=trade,
        volume=volume,
        flags=flags,
    )


async def write(
    db: Database,
    underlying_id: int,
    session: Session,
    expiration: date,
    contract_ids: npt.NDArray[np.int64],
    slots: Sequence[datetime],
    spot: Floats,
    expires_at: datetime,
    computed: Computed,
    terms: Terms,
    version: int,
) -> int:
    """Write the numbers and reasons of one expiration on a session, and what they rest on, in one transaction.

    What they rest on is kept to the last digit: the same numbers can be computed from it again.

    Args:
        db: the database.
        underlying_id: whose options.
        session: the session.
        expiration: the expiration.
        contract_ids: the rows of `computed`.
        slots: its columns, the slots' starts without a break.
        spot: the underlying's price by slot, USD; NaN where there is none.
        expires_at: when the contracts stop trading.
        computed: the numbers.
        terms: the rate and the dividends that were used.
        version: of the parameters.

    Returns:
        The number of bars that changed.
    """
    carry, first_slot, stamps = computed.carry, slots[0], [slot.isoformat() for slot in slots]
    lines = "".join(greeks_lines(contract_ids, stamps, computed))
    spots = [None if price != price else round(price * SCALE) for price in spot.tolist()]  # noqa: PLR0124 - NaN
    dividends = [[one.amount, one.years_before] for one in terms.dividends]

    async def once() -> int:
        async with db.transaction("create_stage_greeks") as transaction:
            await transaction.copy("stage_greeks", _COLUMNS, lines)
            changed: int = await transaction.fetchval("write_greeks", version, session.open, session.close)
            await transaction.execute(
                "store_carry", underlying_id, session.day, expiration, terms.rate, carry.dividend_yield, carry.error,
                carry.pairs, version, db.clock.now(), computed.source, terms.cash_dividends, expires_at, first_slot,
                spots, dividends,
            )  # fmt: skip
        return changed

    return await db.patiently(once)


def greeks_lines(contract_ids: npt.NDArray[np.int64], stamps: Sequence[str], computed: Computed) -> list[str]:
    """Return a line for COPY for each bar: whole numbers, in the last digit that means something."""
    rows, slots = at = np.nonzero(computed.reason != ABSENT)
    reasons = computed.reason[at].tolist()
    ids = contract_ids[rows].tolist()
    numbers = zip(*(values.tolist() for values in whole_numbers(computed, at)), strict=True)
    return [
        f"{id_}\t{stamps[slot]}\t{iv:.0f}\t{delta:.0f}\t{gamma:.0f}\t{theta:.0f}\t{vega:.0f}\t{rho:.0f}\t{reason}\n"
        if iv == iv  # noqa: PLR0124 - NaN differs from itself
        else f"{id_}\t{stamps[slot]}\t{_NULLS}\t{reason}\n"
        for id_, slot, (iv, delta, gamma, theta, vega, rho), reason in zip(
            ids, slots.tolist(), numbers, reasons, strict=True
        )
    ]


def whole_numbers(computed: Computed, at: tuple[npt.NDArray[np.intp], ...]) -> tuple[Floats, ...]:
    """Return IV, delta, gamma, theta, vega and rho at some places as the columns hold them; NaN where there is none."""
    return tuple(np.rint(values[at] * scale) for values, scale in zip(computed.numbers(), _SCALES, strict=True))
