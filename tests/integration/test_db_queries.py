"""Every statement is a file with a sentence, and every server prepares it."""

import pytest

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.db.connection.statements import names, query
from tests.support.db_rows import FRIDAY, answer, answers, make_chain, quote, rows, slot, trade


async def test_every_query_prepares(database_url: str) -> None:
    """Each file in sql/queries is one statement that the server accepts on the migrated schema."""
    connection = await pool.open_connection(database_url, SystemClock(), application_name="test")
    try:
        for name in names():
            if "create_stage" in name:
                await connection.execute(query(name))
        for name in names():
            await connection.prepare(query(name))
    finally:
        await connection.close()


async def test_spread_and_middle_are_those_of_the_table(database: Database) -> None:
    """What a history and a surface compute is what the table generates, halves of a cent and missing sides included."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    bids = [quote(n, close) for n, close in ((0, "1.20"), (1, "1.21"), (2, "0.0001"))]
    asks = [quote(n, close) for n, close in ((0, "1.25"), (1, "1.21"), (2, "0.0002"), (3, "7"))]
    given = answers(contract, TRADES=answer([trade(0), trade(4)]), BID=answer(bids), ASK=answer(asks))
    await bar_tables.store(database, [given], 1)
    expected = await rows(database, "SELECT time, spread_close, mid_close FROM option_bars_5min ORDER BY time")
    assert [str(middle) for _, _, middle in expected] == ["1.2250", "1.2100", "0.0002", "None", "None"]

    history = await database.fetch("contract_history", contract.id, FRIDAY.open, FRIDAY.close)
    assert [(row["time"], row["spread_close"], row["mid_close"]) for row in history] == expected
    for number in range(5):
        bounds = await database.fetchrow("contract_range", chain.underlying.id, slot(number))
        assert bounds is not None
        (row,) = await database.fetch("surface", chain.underlying.id, slot(number), *bounds.values())
        assert (row["contract_id"], row["mid_close"]) == (contract.id, expected[number][2])


@pytest.mark.parametrize("name", names())
def test_every_query_begins_with_a_sentence(name: str) -> None:
    """The first line is a comment that says in one sentence what the statement is for."""
    first = query(name).splitlines()[0]
    assert first.startswith("-- ")
    assert first[3].isupper()
    assert first.endswith(".")
    assert ";" not in query(name).split("\n", 1)[1].rstrip().rstrip(";").replace("; ", "")


def test_an_unknown_query_is_a_mistake() -> None:
    """A misspelled name is told at once."""
    with pytest.raises(LookupError, match="no query is named 'nonsense'"):
        query("nonsense")
