"""Read what was asked of expirations that have passed.

Expirations that have passed: what they were asked for since, and which of their bars are known.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from collector.db.connection.pool import Statements
from collector.db.contracts.contract_rows import contract_of
from collector.domain.coverage.purge import Asked
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import OptionContract, WhatToShow


async def asked(
    db: Statements,
    data_set: DataSet,
    underlying_id: int,
    expirations: Sequence[date],
    depths: Mapping[WhatToShow, timedelta],
) -> dict[date, list[Asked]]:
    """Return what contracts of expirations were asked for after they had expired, by expiration, ascending by time.

    Args:
        db: the database.
        data_set: of options.
        underlying_id: whose contracts.
        expirations: past ones.
        depths: how far back the source remembers each series; what is older is not known to be there.
    """
    found: dict[date, list[Asked]] = {}
    for row in await db.fetch("requests_after_expiry", data_set.id, underlying_id, list(expirations)):
        what = WhatToShow(row["what_to_show"])
        known = row["last_known"] is not None and row["last_known"] >= row["sent_at"] - depths[what]
        code = f" ({row['code']})" if row["code"] else ""
        found.setdefault(row["expiration_date"], []).append(
            Asked(
                contract_id=row["contract_id"],
                sent_at=row["sent_at"],
                outcome=Outcome(row["outcome"]),
                words=f"{row['message'] or row['outcome']}{code}",
                known=known,
                of_quotes=what is WhatToShow.ASK,
                controlled=row["controlled"],
            )
        )
    return found


async def contracts(db: Statements, underlying_id: int, expirations: Sequence[date]) -> list[OptionContract]:
    """Return the contracts of expirations that were ever selected, by expiration, strike and right."""
    return [contract_of(row) for row in await db.fetch("contracts_of_expirations", underlying_id, list(expirations))]


async def known(
    db: Statements, contract_ids: Sequence[int], since: Mapping[WhatToShow, datetime]
) -> list[tuple[int, WhatToShow, datetime]]:
    """Return contract, series and time of the latest stored bar of each, the latest first.

    Args:
        db: the database.
        contract_ids: the contracts.
        since: by series the instant before which bars do not count.
    """
    if not since:
        return []
    rows = await db.fetch("known_bars", list(contract_ids), [what.value for what in since], list(since.values()))
    return [(row["contract_id"], WhatToShow(row["what_to_show"]), row["last_known"]) for row in rows]
