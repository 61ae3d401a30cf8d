"""A product's trading session.

A product's trading session, as a value; collector.market computes it from the exchange calendar.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from collector.domain.market_data.spans import Span

SETTLING_DELAY = timedelta(minutes=15)
"""A slot may settle only by a request sent later than the product's close plus this."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day of one product: [open, close) in UTC, and the open of the product's next session."""

    day: date
    open: datetime
    close: datetime
    next_open: datetime
    early_close: bool = False

    @property
    def span(self) -> Span:
        """Return [open, close)."""
        return Span(self.open, self.close)

    @property
    def settles_at(self) -> datetime:
        """Return the instant after which a request must have been sent for its answer to settle slots."""
        return self.close + SETTLING_DELAY
