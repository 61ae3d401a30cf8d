"""The page of what is on record about a slot."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.db.connection.pool import Statements
from collector.db.readers import histories
from collector.domain.errors import Unknown, UsageError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract
from collector.lineage import naming
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter
from collector.web.pages.contracts import named


@dataclass(frozen=True, slots=True)
class AccountLine:
    """A line of an account. label: what it is about; empty where it goes on about the same."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class SlotAccount:
    """All that is on record about one slot of a contract.

    occ_symbol: as people write it; address: of its page. heading, parts: in words, as `collector why` says it.
    explained: every number came by a request on record. account: the same for programs, as `collector why --json`.
    """

    occ_symbol: str
    address: str
    slot: datetime
    previous_slot: datetime | None
    next_slot: datetime | None
    heading: tuple[str, ...]
    parts: tuple[tuple[AccountLine, ...], ...]
    explained: bool
    account: dict[str, Any]


async def _answer(context: Context, asked: Asked) -> SlotAccount:
    from collector.lineage import telling, values  # noqa: PLC0415 - numpy, and what computes Greeks

    async with context.reading() as db:
        contract, underlying = await named.contract(db, asked["occ"])
        at = naming.instant_of(asked["at"]) if asked.get("at") else await _latest(db, contract)
        found = await values.value(db, contract, underlying, OPTION_BARS_5MIN, at)
    if not found.is_stored:
        context.days.require_slot(contract.symbol, OPTION_BARS_5MIN, found.slot)
    parts: list[list[AccountLine]] = [[]]
    for line in telling.told(found):
        if line.text:
            parts[-1].append(AccountLine(line.label, line.text))
        else:
            parts.append([])
    before, after = (_inside(context, contract.symbol, found.slot + step * found.data_set.bar_size) for step in (-1, 1))
    return SlotAccount(
        occ_symbol=naming.short_symbol(contract),
        address=named.address(contract.occ_symbol) or "",
        slot=found.slot,
        previous_slot=before,
        next_slot=after,
        heading=tuple(telling.heading(found)),
        parts=tuple(tuple(part) for part in parts if part),
        explained=found.explained,
        account={**telling.document(found), "explained": found.explained},
    )


async def _latest(db: Statements, contract: OptionContract) -> datetime:
    """Return when the latest bar of a contract starts.

    Raises:
        Unknown: it has none.
    """
    found = (await histories.bounds(db, contract.id)).latest_bar
    if found is None:
        raise Unknown(f"{named.spoken(contract.occ_symbol)} has no bar", "Name an instant: ?at=2026-11-25 15:30.")
    return found


def _inside(context: Context, symbol: str, slot: datetime) -> datetime | None:
    """Return a slot that lies in a session, else None."""
    try:
        context.days.require_slot(symbol, OPTION_BARS_5MIN, slot)
    except UsageError:
        return None
    return slot


def _title(found: SlotAccount) -> str:
    return f"Why {found.occ_symbol} is what it is"


PAGE = Page(
    path="/contracts/{occ}/why",
    title=_title,
    what="What is on record about one slot of a contract: requests, revisions, evidence, inputs of its Greeks.",
    model=SlotAccount,
    answer=_answer,
    template="contracts/account.html.j2",
    parameters=(
        Parameter("occ", "the contract's OCC symbol, with or without blanks", "SPY261123C00709000"),
        Parameter(
            "at",
            "an instant of the slot, New York's unless it names a zone; of the latest bar where it is left out",
            "2026-11-20 15:30",
        ),
    ),
)
