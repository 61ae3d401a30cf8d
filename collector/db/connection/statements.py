"""SQL statements by name, one file each.

One file each in sql/queries, named as the query.

A file's head is a comment: its first line a sentence, its last lines the parameters, in the order of the arguments.
"""

import functools

from collector.config.package_files import resource


@functools.cache
def query(name: str) -> str:
    """Return the text of sql/queries/NAME.sql.

    Raises:
        LookupError: there is no such file; a mistake in the code.
    """
    path = resource("sql") / "queries" / f"{name}.sql"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"no query is named {name!r}") from None


def names() -> tuple[str, ...]:
    """Return the names of all queries, in alphabetical order."""
    return tuple(sorted(path.stem for path in (resource("sql") / "queries").glob("*.sql")))
