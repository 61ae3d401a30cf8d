"""How many requests to keep in flight."""

from collector.domain.answers import Outcome


class FixedConcurrency:
    """A number that never changes.

    Args:
        limit: requests in flight.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def completed(self, now: float, outcome: Outcome, latency_s: float, in_flight: int) -> int:
        """Return the number, whatever happened."""
        del now, outcome, latency_s, in_flight
        return self.limit
