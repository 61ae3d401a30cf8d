"""How far back a source remembers the bars of options."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from collector.domain.market_data.instruments import WhatToShow

_QUOTES, _TRADES = timedelta(days=45), timedelta(days=90)

DEFAULTS: Mapping[WhatToShow, timedelta] = MappingProxyType(
    {
        WhatToShow.BID: _QUOTES,
        WhatToShow.ASK: _QUOTES,
        WhatToShow.TRADES: _TRADES,
        WhatToShow.OPTION_IMPLIED_VOLATILITY: _TRADES,
    }
)
"""What is counted on while nothing deeper has been seen: less than IB has been found to keep (some 65 and 120 days)."""

SEEN_WITHIN = timedelta(days=14)
"""How long what an answer has shown of the depth is counted on."""


def depth(what: WhatToShow, seen: timedelta | None) -> timedelta:
    """Return the age up to which slots of a series are within the source's memory.

    Args:
        what: the series.
        seen: the greatest age of a bar in an answer of the last 14 days; None: no answer had any.
    """
    return DEFAULTS[what] if seen is None else max(DEFAULTS[what], seen)
