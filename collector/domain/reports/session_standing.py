"""How a symbol's session stands."""

from dataclasses import dataclass
from enum import StrEnum


class SessionState(StrEnum):
    """In one word; of what holds of a session, the last that stands here."""

    NOTHING = "nothing"
    UNDER_WAY = "under_way"
    COMPLETE = "complete"
    AWAITING = "awaiting"
    PARTIAL = "partial"
    LOST = "lost"
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStanding:
    """What is known of one symbol's session.

    contracts: selected ones. completeness: settled of expected series-slots as a fraction of 1; covered of those that
    are over where the session is under way; None where nothing was measured. open_slots, lost_slots: series-slots in gaps, the
    underlying's own among them. awaiting: series-slots that lack a second witness only. doubt: why the session cannot
    be as empty as it looks, "" otherwise. under_way: it is not time yet to collect the whole of it.
    """

    contracts: int = 0
    completeness: float | None = None
    open_slots: int = 0
    lost_slots: int = 0
    awaiting: int = 0
    doubt: str = ""
    under_way: bool = False

    @property
    def state(self) -> SessionState:
        """Return the word for it, the most serious one that holds."""
        if self.doubt:
            return SessionState.IMPLAUSIBLE
        if self.lost_slots:
            return SessionState.LOST
        if self.under_way:
            return SessionState.UNDER_WAY
        if self.open_slots:
            return SessionState.PARTIAL
        if self.awaiting:
            return SessionState.AWAITING
        if self.completeness is None or not self.contracts:
            return SessionState.NOTHING
        return SessionState.COMPLETE if self.completeness >= 1 else SessionState.PARTIAL
