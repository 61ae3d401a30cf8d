"""How far back a source remembers the bars of options."""

from datetime import timedelta

from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import WhatToShow

SEEN_WITHIN = timedelta(days=14)
"""How long what an answer has shown of the depth is counted on."""


def depth(data_set: DataSet, what: WhatToShow, seen: timedelta | None) -> timedelta:
    """Return the age up to which slots of a series are within the source's memory.

    Args:
        data_set: what is counted on while nothing deeper has been seen.
        what: the series.
        seen: the greatest age of a bar in an answer of the last 14 days; None: no answer had any.
    """
    counted_on = data_set.depths[what]
    return counted_on if seen is None else max(counted_on, seen)
