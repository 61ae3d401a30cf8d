"""Make docs/tables.md from the comments of a database.

`python -m tests.support.tables_page` writes the page anew; what stands above the mark is a person's.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from collector.db.schema import comments, features, migrate, timescale
from collector.db.server import embedded

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
MARK = "<!-- What follows is made from the comments in the database: python -m tests.support.tables_page -->"


async def rows(url: str) -> list[Mapping[str, Any]]:
    """Return what a database says of its relations, columns and functions."""
    async with timescale.session(url) as session:
        return [dict(row) for row in await session.fetch("comments/read")]


def generated(found: Iterable[Mapping[str, Any]]) -> str:
    """Return the page's tables, in the order of sql/comments.yaml; a relation that stands nowhere comes last."""
    places = {relation: place for place, relation in enumerate(comments.texts()["relations"])}
    relations = sorted(
        (row for row in found if row["kind"] != "function"), key=lambda row: places.get(row["relation"], len(places))
    )
    parts = []
    for relation, columns in itertools.groupby(relations, key=lambda row: row["relation"]):
        lines = list(columns)
        parts.append(f"## {relation}\n\n{lines[0]['purpose']}\n\n| column | type | meaning |\n|---|---|---|")
        parts[-1] += "".join(
            f"\n| `{row['name']}` | {row['type']}{', required' if row['required'] else ''} | {row['meaning']} |"
            for row in lines
        )
    functions = sorted((row["relation"], row["purpose"]) for row in found if row["kind"] == "function")
    parts.append("## Functions\n\n| function | what it does |\n|---|---|")
    parts[-1] += "".join(f"\n| `{name}` | {purpose} |" for name, purpose in functions)
    return "\n\n".join(parts) + "\n"


def written() -> tuple[str, str]:
    """Return what the page says above the mark and below it."""
    above, _, below = PAGE.read_text(encoding="utf-8").partition(MARK)
    return above, below.lstrip("\n")


async def _made(url: str) -> str:
    await migrate.upgrade(url)
    await features.apply(url)
    return generated(await rows(url))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        address = embedded.ensure_running(Path(folder))
        try:
            made = asyncio.run(_made(address))
        finally:
            embedded.stop(Path(folder))
    PAGE.write_text(f"{written()[0]}{MARK}\n\n{made}", encoding="utf-8")
