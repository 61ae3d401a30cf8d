"""How a request may be answered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer: the bytes to send, how the log calls it, and the number of bars in it."""

    written: bytes
    outcome: str
    bars: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error on the request's id."""

    code: int
    text: str
