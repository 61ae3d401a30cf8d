"""SQL statements by name, one file each.

One file each in sql/queries, named as the query; in sql/underlying_bars those that are the same for every size of
underlyings' bars, but for the names of table, column and series, which come from the data set and nowhere else.

A file's head is a comment: its first line a sentence, its last lines the parameters, in the order of the arguments.
"""

import functools
from collections.abc import Mapping

from collector.config.package_files import resource
from collector.domain.market_data.data_sets import DATA_SETS, DataSet, InstrumentKind
from collector.domain.market_data.instruments import WhatToShow

OF_UNDERLYINGS = tuple(one for one in DATA_SETS if one.kind is InstrumentKind.UNDERLYING)
"""The data sets that have their tables and statements from sql/underlying_bars."""
SLOTS_A_CHUNK = 8640
"""Slots of the grid, a month of 5 minutes: a few thousand rows of each underlying."""

_FOLDER = "underlying_bars"
_SECOND = {
    WhatToShow.OPTION_IMPLIED_VOLATILITY: ("implied_volatility", "integer", "numeric(12, 4)"),
    WhatToShow.ADJUSTED_LAST: ("adjusted_close", "bigint", "numeric(14, 4)"),
}
"""The column of the series beside TRADES, of which the close is kept: its name, its type, and as it is shown."""
SECOND_COLUMNS = frozenset(column for column, _, _ in _SECOND.values())


def of(name: str, data_set: DataSet) -> str:
    """Return the name of a statement of sql/underlying_bars that is about the bars of one data set."""
    return f"{_FOLDER}/{name}({data_set.name})"


@functools.cache
def query(name: str) -> str:
    """Return the text of sql/queries/NAME.sql, or of what `of` names.

    Raises:
        LookupError: there is no such file; a mistake in the code.
    """
    path, _, data_set = name.removesuffix(")").partition("(")
    folder = "" if data_set else "queries/"
    try:
        text = (resource("sql") / f"{folder}{path}.sql").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"no query is named {name!r}") from None
    return filled(text, next(one for one in OF_UNDERLYINGS if one.name == data_set)) if data_set else text


def filled(text: str, data_set: DataSet) -> str:
    """Return a statement of sql/underlying_bars with the names of a data set of underlyings."""
    for key, value in _words(data_set).items():
        text = text.replace(f"{{{key}}}", value)
    return text


def second_column(data_set: DataSet) -> str:
    """Return the column of a data set's series beside TRADES; implied volatility, which is NULL, where it has none."""
    return _words(data_set)["column"]


def _words(data_set: DataSet) -> Mapping[str, str]:
    series = next((what for what in data_set.series if what in _SECOND), WhatToShow.OPTION_IMPLIED_VOLATILITY)
    column, stored, shown = _SECOND[series]
    chunk = f"INTERVAL '{int((SLOTS_A_CHUNK * data_set.bar_size).total_seconds())} seconds'"
    return {
        "bars": data_set.name,
        "size": data_set.size,
        "series": series.value,
        "column": column,
        "stored": stored,
        "shown": shown,
        "chunk": chunk,
    }


def names() -> tuple[str, ...]:
    """Return the names of all queries, in alphabetical order, those of each data set among them."""
    own = (path.stem for path in (resource("sql") / "queries").glob("*.sql"))
    shared = [path.stem for path in (resource("sql") / _FOLDER).glob("*.sql")]
    return tuple(sorted((*own, *(of(name, one) for name in shared for one in OF_UNDERLYINGS))))
