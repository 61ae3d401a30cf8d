"""Cash dividends, their present value, and who told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from collector.domain.pricing.normal import Floats


class DividendSource(StrEnum):
    """What is known of an expiration's dividends rests on this; stored in `expiration_carry.dividend_source`."""

    CONFIGURED = "configured"
    """The configuration: its cash dividends, or its yield alone where there are too few pairs of quotes."""
    TICK = "tick"
    """The next dividend as the source of market data told it, on the session's day or before."""
    PARITY = "parity"
    """Put-call parity: no cash dividend is known, and calls and puts agree on one yield."""
    UNKNOWN = "unknown"
    """None: calls and puts contradict each other as before a cash dividend that nobody told of."""


@dataclass(frozen=True, slots=True)
class Dividend:
    """A cash dividend: USD per share, and how long before the expiration the share goes ex, in years."""

    amount: float
    years_before: float


def present_value(dividends: Sequence[Dividend], rate: float, years: Floats) -> Floats:
    """Return the present value of the dividends that are still to come while so much time is left, USD.

    Args:
        dividends: of one expiration.
        rate: interest rate.
        years: time left to that expiration.
    """
    total = np.zeros_like(years)
    for dividend in dividends:
        wait = years - dividend.years_before
        total += np.where(wait > 0.0, dividend.amount * np.exp(-rate * np.maximum(wait, 0.0)), 0.0)
    return total
