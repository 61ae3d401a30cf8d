"""Values and slopes that pricing models return."""

from dataclasses import dataclass

from collector.domain.pricing.normal import Floats


@dataclass(frozen=True, slots=True)
class Shape:
    """Value, delta and gamma per option, USD, per USD and per USD squared."""

    value: Floats
    delta: Floats
    gamma: Floats
