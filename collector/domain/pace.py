"""How fast a source is being asked, as a value: for the progress bar, the log and the run row."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """in_flight, limit: requests open now, and how many there may be. latency_s: median of the latest answers.

    requests_per_s: finished ones over the last half minute. pauses: global pauses so far; paused_s: what is left of the
    current one, seconds. waiting: why requests wait, empty when they do not.
    """

    in_flight: int = 0
    limit: int = 0
    requests_per_s: float = 0.0
    latency_s: float | None = None
    pauses: int = 0
    paused_s: float = 0.0
    waiting: str = ""
