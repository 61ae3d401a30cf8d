"""A definition that cannot be stored costs its contract or its expiration, and nothing else."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from structlog.testing import capture_logs

from collector.clock import SystemClock
from collector.config import Settings
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contracts
from collector.domain.market_data.answers import ChainParameters, Definitions
from collector.domain.market_data.instruments import OptionContract, Right, Underlying
from collector.runs.preparing.discovery import Discovery, Refreshed
from collector.runs.source import NoSource
from tests.support.db_rows import fill_blocks

EXPIRATION = date(2026, 11, 27)
NOON = SystemClock(datetime(2026, 11, 20, 17, tzinfo=UTC))
GOOD = OptionContract("PLTR", 11, EXPIRATION, Decimal(100), Right.CALL, trading_class="PLTR")


class Absurd(NoSource):
    """Defines three contracts, one of them with a strike of eleven digits."""

    async def chain(self, underlying: Underlying) -> ChainParameters:  # type: ignore[override]  # never fails
        """Return one expiration."""
        assert underlying.symbol == "PLTR"
        return ChainParameters((EXPIRATION,), (Decimal(100),))

    async def contracts(self, underlying: Underlying, expiration: date) -> Definitions:  # type: ignore[override]
        """Return its contracts."""
        assert (underlying.symbol, expiration) == ("PLTR", EXPIRATION)
        absurd = replace(GOOD, source_id=12, strike=Decimal(12345678901))
        return Definitions((GOOD, absurd, replace(GOOD, source_id=13, right=Right.PUT)))


async def test_a_strike_of_eleven_digits_costs_its_contract_alone(database: Database) -> None:
    """Two of three contracts are stored; the log says that one was passed over."""
    underlying = await contracts.add_underlying(database, Underlying("PLTR", 1))
    discovery = Discovery(database, Absurd(NOON), Settings(), database.clock)

    with capture_logs() as logs:
        await discovery.refresh(underlying, date(2026, 11, 20))

    listed = await contracts.listed(database, underlying.id, EXPIRATION, EXPIRATION)
    assert [(one.source_id, one.strike) for one in listed] == [(11, Decimal(100)), (13, Decimal(100))]
    told = [entry for entry in logs if entry["event"] == "contracts_passed_over"]
    assert [(entry["symbol"], entry["contracts"]) for entry in told] == [("PLTR", 1)]


async def test_no_ids_for_new_contracts_costs_their_expiration_alone(database: Database) -> None:
    """Where every block of ids is another's, the refresh goes on and says which expiration could not be stored."""
    other = await contracts.add_underlying(database, Underlying("TSLA", 2))
    underlying = await contracts.add_underlying(database, Underlying("PLTR", 1))
    await fill_blocks(database, other.id)
    discovery = Discovery(database, Absurd(NOON), Settings(), database.clock)

    refreshed = await discovery.refresh(underlying, date(2026, 11, 20))

    assert isinstance(refreshed, Refreshed)
    ((expiration, failure),) = refreshed.failures
    assert (refreshed.contracts, expiration) == (0, EXPIRATION)
    assert "PLTR has 2 new contracts, and no block of contract ids is free" in failure.message
