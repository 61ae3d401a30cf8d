"""Everything in the database says what it means, and docs/tables.md says the same."""

import asyncpg

from collector.db.schema import comments
from collector.domain.pricing.reasons import GreeksReason
from collector.domain.quality.flags import SlotFlag
from collector.domain.quality.quality_rules import Impossible
from tests.support import tables_page


async def test_every_relation_column_and_function_has_a_comment(database_url: str) -> None:
    """On every engine; and nothing is described that does not exist."""
    rows = await tables_page.rows(database_url)
    assert [row for row in rows if not row["purpose"] or (row["name"] and not row["meaning"])] == []
    known = {(row["relation"], row["name"]) for row in rows}
    said = {
        (relation, column)
        for relation, columns in comments.texts()["relations"].items()
        for column in columns
        if column != comments.PURPOSE
    }
    assert said - known == set()
    assert set(comments.texts()["everywhere"]) <= {row["name"] for row in rows}


async def test_the_page_of_tables_is_what_the_database_says(plain_database_url: str) -> None:
    """docs/tables.md below its mark is made of the comments: `python -m tests.support.tables_page`."""
    assert tables_page.written()[1] == tables_page.generated(await tables_page.rows(plain_database_url))


async def test_every_code_has_a_word_and_a_meaning(plain_database_url: str) -> None:
    """Reasons of Greeks, single bits of flags, reasons of the quarantine."""
    connection = await asyncpg.connect(plain_database_url)
    try:
        rows = await connection.fetch("SELECT kind, code, word, meaning FROM codes")
    finally:
        await connection.close()
    by_kind = {kind: {row["code"] for row in rows if row["kind"] == kind} for kind in ("greeks_reason", "flag")}
    assert by_kind["greeks_reason"] == set(GreeksReason)
    assert by_kind["flag"] == {flag for flag in SlotFlag if flag.bit_count() == 1}
    assert {row["word"] for row in rows if row["kind"] == "quarantine_reason"} == {
        reason.value for reason in Impossible
    }
    assert all(row["meaning"] for row in rows)
