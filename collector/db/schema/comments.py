"""Write what relations, columns and codes mean.

What every relation, column, function and code means, written into the database, where each tool shows it: the texts of
sql/comments.yaml, and the meanings that the domain gives its codes.
"""

from typing import TypedDict

import yaml

from collector.config.package_files import resource
from collector.db.connection.statements import OF_UNDERLYINGS, SECOND_COLUMNS, filled, second_column
from collector.db.schema.timescale import Session
from collector.domain.code_meanings import CODES

PURPOSE = "is"
"""The key of a relation's own comment among those of its columns."""


class Texts(TypedDict):
    """sql/comments.yaml: columns that mean the same everywhere, relations with their own, functions."""

    everywhere: dict[str, str]
    relations: dict[str, dict[str, str]]
    functions: dict[str, str]


def texts() -> Texts:
    """Return the texts of sql/comments.yaml, those of underlyings' bars for each size."""
    with (resource("sql") / "comments.yaml").open(encoding="utf-8") as file:
        found: Texts = yaml.safe_load(file)
    relations: dict[str, dict[str, str]] = {}
    for relation, columns in found["relations"].items():
        for data_set in OF_UNDERLYINGS if "{bars}" in relation else OF_UNDERLYINGS[:1]:
            lacking = SECOND_COLUMNS - {second_column(data_set)} if "{bars}" in relation else set()
            relations[filled(relation, data_set)] = {
                name: filled(text, data_set) for name, text in columns.items() if name not in lacking
            }
    return {**found, "relations": relations}


async def write(session: Session) -> None:
    """Bring the comments of a database and its table of codes up to date; what is the same is left alone."""
    said = texts()
    own = [
        (relation, "" if name == PURPOSE else name, text)
        for relation, columns in said["relations"].items()
        for name, text in columns.items()
    ]
    relations, columns, comments = map(list, zip(*own, strict=True))
    everywhere, functions = said["everywhere"], said["functions"]
    async with session.transaction():
        for row in await session.fetch(
            "comments/statements",
            relations,
            columns,
            comments,
            list(everywhere),
            list(everywhere.values()),
            list(functions),
            list(functions.values()),
        ):
            await session.execute_text(row["statement"])
        await session.execute(
            "comments/write_codes",
            [code.kind for code in CODES],
            [code.code for code in CODES],
            [code.word for code in CODES],
            [code.meaning for code in CODES],
        )
