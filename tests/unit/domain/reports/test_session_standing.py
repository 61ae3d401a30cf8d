"""The one word for how a session stands."""

import pytest

from collector.domain.reports.session_standing import SessionStanding, SessionState

WHOLE = {"contracts": 4, "completeness": 1.0}


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ({}, SessionState.NOTHING),
        ({"contracts": 0, "completeness": None}, SessionState.NOTHING),
        (WHOLE, SessionState.COMPLETE),
        (WHOLE | {"completeness": 0.999, "unsettled": 3}, SessionState.PARTIAL),
        (WHOLE | {"open_slots": 1}, SessionState.PARTIAL),
        ({"open_slots": 1}, SessionState.PARTIAL),
        (WHOLE | {"completeness": 0.999, "unsettled": 3, "awaiting": 3}, SessionState.AWAITING),
        (WHOLE | {"completeness": 0.999, "unsettled": 4, "awaiting": 3}, SessionState.PARTIAL),
        (WHOLE | {"completeness": 0.999, "unsettled": 3, "awaiting": 3, "open_slots": 1}, SessionState.PARTIAL),
        (WHOLE | {"completeness": 0.4, "under_way": True}, SessionState.UNDER_WAY),
        (WHOLE | {"completeness": 0.4, "open_slots": 9, "lost_slots": 1}, SessionState.LOST),
        (WHOLE | {"completeness": 0.4, "under_way": True, "lost_slots": 1}, SessionState.LOST),
        (WHOLE | {"lost_slots": 1, "doubt": "9 of 10 contracts came back empty"}, SessionState.IMPLAUSIBLE),
    ],
)
def test_the_most_serious_that_holds(known: dict[str, object], state: SessionState) -> None:
    """Doubt comes before loss, loss before gaps, gaps before what awaits a second witness only."""
    assert SessionStanding(**known).state is state  # type: ignore[arg-type]  # of the table above
