"""Values and slopes that pricing models return.

Value and slopes of options, as the pricing models return them.
"""

from dataclasses import dataclass

from collector.domain.pricing.normal import Floats


@dataclass(frozen=True, slots=True)
class Shape:
    """Value, delta and gamma per option, USD, per USD and per USD squared."""

    value: Floats
    delta: Floats
    gamma: Floats
