"""Storing the same answers in any order, in any grouping, and again: the tables end equal (a property)."""

import asyncio
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.connection import pool
from collector.domain.market_data.instruments import OptionContract, WhatToShow
from tests.support.db_rows import FRIDAY, MONDAY, A, B, T, answer, make_chain, picture, quote, trade

CONTRACTS = 2
Piece = tuple[int, WhatToShow, int]
"""A contract's place, a series, a session's place: one answer."""

slots_of_series = st.frozensets(st.integers(0, 5), max_size=4)
pieces: list[Piece] = [(c, what, s) for c in range(CONTRACTS) for what in (T, B, A) for s in range(2)]


@st.composite
def stories(draw: st.DrawFn) -> tuple[dict[Piece, frozenset[int]], list[list[Piece]]]:
    """Draw which slots of each piece have a bar; then an order, a grouping into transactions, and repetitions."""
    market = {piece: draw(slots_of_series) for piece in pieces}
    order = [*draw(st.permutations(pieces)), *draw(st.lists(st.sampled_from(pieces), max_size=6))]
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=len(order) - 1)))
    return market, [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def answered(piece: Piece, slots: frozenset[int]) -> SeriesAnswer:
    """Return the settling answer of a piece: it speaks for the whole session."""
    _, what, place = piece
    session = (FRIDAY, MONDAY)[place]
    if what is T:
        return answer([trade(n, f"1.{n}", str(n + 1), session) for n in sorted(slots)], session=session)
    return answer([quote(n, f"2.{n}", session) for n in sorted(slots)], session=session)


def batch(
    group: Sequence[Piece], market: dict[Piece, frozenset[int]], contracts: Sequence[OptionContract]
) -> list[InstrumentAnswers]:
    """Return a group of pieces as a batch of answers."""
    return [InstrumentAnswers(contracts[piece[0]], {piece[1]: answered(piece, market[piece])}) for piece in group]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories())
def test_order_and_grouping_do_not_matter(
    plain_database_url: str, story: tuple[dict[Piece, frozenset[int]], list[list[Piece]]]
) -> None:
    """Each answer twice, first in any order and grouping, then all at once, gives the tables of one plain evening."""
    market, groups = story

    async def tell() -> None:
        async with pool.connect(plain_database_url, SystemClock()) as db:
            pictures = []
            for told in ([pieces], groups):
                await clear(db)
                chain = await make_chain(db, CONTRACTS)
                for group in (*told, pieces):
                    await bar_tables.store(db, batch(group, market, chain.contracts), 1)
                pictures.append([await picture(db, contract) for contract in chain.contracts])
            assert pictures[0] == pictures[1]
            expected = sum(
                len(frozenset().union(*(market[c, what, s] for what in (T, B, A))))
                for c in range(CONTRACTS)
                for s in range(2)
            )
            assert sum(len(found) for found, _ in pictures[0]) == expected

    asyncio.run(tell())


async def clear(db: pool.Database) -> None:
    """Empty the tables that the story fills."""
    async with db._connection() as connection:
        await connection.execute("TRUNCATE store.option_bars_5min, request_coverage, bar_revisions")
