"""Store bars that a test writes as decimals."""

import asyncpg

from collector.db.schema.timescale import statement

_NEEDED = ("views/option_bars_5min", "views/underlying_bars_5min", "functions/whole_numbers")


async def make_views(url: str) -> None:
    """Make what `insert` needs in a database without features."""
    connection = await asyncpg.connect(url)
    try:
        for name in _NEEDED:
            await connection.execute(statement(name))
    finally:
        await connection.close()


def insert(view: str, columns: str, rows: str) -> str:
    """Return a statement that stores rows of a view of decimals, which a SELECT or VALUES gives, as whole numbers.

    What the columns leave out is NULL, without flags and gaps, and of now.
    """
    return f"""
    INSERT INTO store.{view}
    SELECT stored.*
    FROM
        ({rows}) AS given ({columns}),
        LATERAL jsonb_populate_record(
            NULL::{view},
            jsonb_build_object('flags', 0, 'has_gaps', false, 'created_at', now(), 'updated_at', now())
            || to_jsonb(given)
        ) AS bar,
        LATERAL store.whole(bar) AS stored
    """  # noqa: S608 - the tests' own words
