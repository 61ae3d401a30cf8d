"""How a symbol's session stands."""

from dataclasses import dataclass
from enum import StrEnum


class SessionState(StrEnum):
    """In one word; of what holds of a session, the last that stands here."""

    NOTHING = "nothing"
    COMPLETE = "complete"
    AWAITING = "awaiting"
    PARTIAL = "partial"
    UNDER_WAY = "under_way"
    LOST = "lost"
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStanding:
    """What is known of one symbol's session.

    contracts: selected ones. completeness: settled of expected series-slots as a fraction of 1; covered of those that
    are over where the session is under way; None where nothing was measured. unsettled: series-slots that were not
    settled when it was measured. open_slots, lost_slots: series-slots in gaps, the underlying's own among them.
    awaiting: series-slots that lack a second witness only. doubt: why the session cannot be as empty as it looks, ""
    otherwise. under_way: it is not time yet to collect the whole of it.
    """

    contracts: int = 0
    completeness: float | None = None
    unsettled: int = 0
    open_slots: int = 0
    lost_slots: int = 0
    awaiting: int = 0
    doubt: str = ""
    under_way: bool = False

    @property
    def state(self) -> SessionState:
        """Return the word for it, the most serious one that holds."""
        measured = bool(self.contracts) and self.completeness is not None
        holds = {
            SessionState.COMPLETE: measured,
            SessionState.AWAITING: self.awaiting > 0,
            # What is not settled is no gap before the session has been counted.
            SessionState.PARTIAL: self.open_slots > 0 or self.unsettled > self.awaiting,
            SessionState.UNDER_WAY: self.under_way,
            SessionState.LOST: self.lost_slots > 0,
            SessionState.IMPLAUSIBLE: bool(self.doubt),
        }
        return next((state for state in reversed(holds) if holds[state]), SessionState.NOTHING)
