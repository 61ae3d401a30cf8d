"""Every statement is a file with a sentence, and every server prepares it."""

import pytest

from collector.clock import SystemClock
from collector.db import pool
from collector.db.queries import names, query


async def test_every_query_prepares(database_url: str) -> None:
    """Each file in sql/queries is one statement that the server accepts on the migrated schema."""
    connection = await pool.open_connection(database_url, SystemClock(), application_name="test")
    try:
        for name in names():
            if name.startswith("create_stage"):
                await connection.execute(query(name))
        for name in names():
            await connection.prepare(query(name))
    finally:
        await connection.close()


@pytest.mark.parametrize("name", names())
def test_every_query_begins_with_a_sentence(name: str) -> None:
    """The first line is a comment that says in one sentence what the statement is for."""
    first = query(name).splitlines()[0]
    assert first.startswith("-- ")
    assert first[3].isupper()
    assert first.rstrip()[-1] in ".;,:" or "$" in first
    assert ";" not in query(name).split("\n", 1)[1].rstrip().rstrip(";").replace("; ", "")


def test_an_unknown_query_is_a_mistake() -> None:
    """A misspelled name is told at once."""
    with pytest.raises(LookupError, match="no query is named 'nonsense'"):
        query("nonsense")
