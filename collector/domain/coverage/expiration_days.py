"""Days on which wanted contracts expire.

On which days contracts expire that the collector wants, as far as that is known.
"""

from dataclasses import dataclass
from datetime import date, timedelta

LISTED_AHEAD = timedelta(days=7)
"""Exchanges list an expiration a week before it and earlier: so far ahead, a chain that was read holds every one."""


@dataclass(frozen=True, slots=True)
class Expirations:
    """What the tables know of expirations.

    today: New York's date. selected: days on which a contract expires that is selected for that day. listed: what the
    chains held when they were last read. read_on: the day of the oldest of these readings; None: one is still to come.
    """

    today: date
    selected: frozenset[date] = frozenset()
    listed: frozenset[date] = frozenset()
    read_on: date | None = None

    def expected(self, day: date) -> bool:
        """Tell whether a selected contract expires on a day, or may yet: what is not known counts as expiring.

        Before today only what was selected counts; nothing else can have been lost. From today on contracts may still
        be selected, so what is listed counts too, and every day for which no chain is recent enough.
        """
        if day in self.selected:
            return True
        if day < self.today:
            return False
        return day in self.listed or self.read_on is None or day > self.read_on + LISTED_AHEAD
