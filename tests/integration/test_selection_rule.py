"""Another rule in the place of the configured one: nothing else of the choice has to know."""

from datetime import date
from decimal import Decimal

from collector.config import SelectionSettings, Settings
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.domain.coverage.selection import Market, Rule
from collector.market.calendar import Calendar
from collector.runs.preparing.discovery import Discovery
from collector.runs.source import NoSource
from tests.support.db_rows import make_chain
from tests.support.delta_rule import ByDelta


class _DeltaSelection(SelectionSettings):
    def rule(self) -> Rule:
        return ByDelta(0.05, 0.95)


async def test_contracts_are_selected_by_delta(database: Database) -> None:
    """With 30 days to go and 20 %, calls of 5 % delta have a strike of 110.07: of 101 to 115 ten are selected."""
    chain = await make_chain(database, 15, symbol="IWM", expiration=date(2026, 12, 23), select_from=date(2027, 1, 1))
    day, calendar = date(2026, 11, 23), Calendar()
    settings = Settings().model_copy(update={"selection": _DeltaSelection()})
    discovery = Discovery(database, NoSource(database.clock), settings, database.clock, calendar)

    added = await discovery.select(chain.underlying, Market(day, Decimal(100), Decimal("0.2")))

    selected = await contract_store.selected(database, chain.underlying.id, day, day)
    assert added == 10
    assert [int(one.strike) for one in selected] == list(range(101, 111))
