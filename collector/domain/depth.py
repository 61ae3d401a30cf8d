"""How far back a source's memory reaches."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from collector.domain.instruments import WhatToShow

DEFAULTS: Mapping[WhatToShow, timedelta] = MappingProxyType(
    {
        WhatToShow.TRADES: timedelta(days=90),
        WhatToShow.BID: timedelta(days=45),
        WhatToShow.ASK: timedelta(days=45),
    }
)
