"""What became of a run's empty answers, as a value."""

from dataclasses import dataclass, field

from collector.domain.coverage.evidence import EmptySession
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import WhatToShow

Series = tuple[int, DataSet, WhatToShow]
"""An instrument (an underlying's id below zero), the kind of its bars, and what they show."""


@dataclass(slots=True)
class Weighed:
    """What a run's weighing found.

    implausible: sessions whose empty answers settle nothing. accepted: those that are taken as they are, with words.
    controlled, uncontrolled: options' series whose empty answers had bars around them, and had not. settled,
    single_witness, awaiting: claims by ruling.
    """

    implausible: list[EmptySession] = field(default_factory=list)
    accepted: list[EmptySession] = field(default_factory=list)
    controlled: set[Series] = field(default_factory=set)
    uncontrolled: set[Series] = field(default_factory=set)
    settled: int = 0
    single_witness: int = 0
    awaiting: int = 0
