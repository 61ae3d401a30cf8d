"""Paths of the archive's objects.

DATA_SET/vFORMAT/symbol=SYMBOL/PERIOD.parquet, where a period is a session, a month, or of daily data sets a year. Each
has the sessions' dates in its name, so that names sort by time. What replaces an object bears a part of its own hash
behind the period, for as long as both are there and until it is replaced in turn.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, unquote

from collector.domain.market_data.data_sets import DATA_SETS, DataSet

FORMAT = 1
"""Of the files: what columns they have and how these are stored. A file of another format has another path."""
CONTRACTS = "contracts.parquet"
"""Of all option contracts, so that the archive can be read alone."""

_PATH = re.compile(
    r"(?P<name>\w+)/v(?P<format>\d+)/symbol=(?P<symbol>[^/]+)/"
    r"(?P<period>\d{4}(-\d\d){0,2})(-[0-9a-f]{8})?\.parquet"
)
_NAMED = {one.name: one for one in DATA_SETS}


@dataclass(frozen=True, slots=True)
class Period:
    """What an object holds by its path: a data set's bars of one symbol, of the sessions from first to last."""

    data_set: str
    symbol: str
    first: date
    last: date
    format: int = FORMAT


def folder(data_set: DataSet, symbol: str) -> str:
    """Return where the objects of a symbol's bars lie, with a slash at its end."""
    return f"{data_set.name}/v{FORMAT}/symbol={quote(symbol, safe='')}/"


def session_path(data_set: DataSet, symbol: str, day: date) -> str:
    """Return the path of a session's own object."""
    return f"{folder(data_set, symbol)}{day:%Y-%m-%d}.parquet"


def month_path(data_set: DataSet, symbol: str, day: date) -> str:
    """Return the path of the object of a day's month."""
    return f"{folder(data_set, symbol)}{day:%Y-%m}.parquet"


def year_path(data_set: DataSet, symbol: str, day: date) -> str:
    """Return the path of the object of a day's year."""
    return f"{folder(data_set, symbol)}{day:%Y}.parquet"


def beside(path: str, content: str) -> str:
    """Return the path of an object that replaces the one at a path, and lies beside it until that has gone.

    Args:
        path: of a session, a month or a year.
        content: the hash of the new object's bytes.
    """
    return f"{path.removesuffix('.parquet')}-{content[:8]}.parquet"


def parse(path: str) -> Period | None:
    """Return what an object's path says; None when it is no path of bars."""
    found = _PATH.fullmatch(path)
    if found is None or found["name"] not in _NAMED:
        return None
    year, *rest = (int(part) for part in found["period"].split("-"))
    try:
        first = date(year, *[*rest, 1, 1][:2])
    except ValueError:  # a thirteenth month
        return None
    if len(rest) == 2:  # noqa: PLR2004 - month and day
        last = first
    elif rest:
        last = first.replace(day=calendar.monthrange(year, first.month)[1])
    else:
        last = first.replace(month=12, day=31)
    return Period(found["name"], unquote(found["symbol"]), first, last, int(found["format"]))
