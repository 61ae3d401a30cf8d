"""How a replica stands, in words."""

import pytest

from collector.db.readers.replica import Standing


@pytest.mark.parametrize(
    ("replays", "receives", "behind_s", "words", "is_late"),
    [
        (False, False, 0.0, "no replica: a server that is written to", False),
        (True, True, 0.0, "a replica that is not behind", False),
        (True, True, 42.4, "a replica, 42 s behind", False),
        (True, True, -0.3, "a replica, 0 s behind", False),  # the two machines' clocks differ
        (True, True, 899.0, "a replica, 15 min behind", False),
        (True, True, 900.0, "a replica, 15 min behind", True),
        (True, True, 9000.0, "a replica, 2 h behind", True),
        (True, False, 60.0, "a replica that receives nothing; what it has is 60 s old", True),
        (True, True, None, "a replica that has replayed nothing yet", True),
    ],
)
def test_what_a_replica_says_of_itself(
    replays: bool, receives: bool, behind_s: float | None, words: str, is_late: bool
) -> None:
    """Its lag has a unit that people count in, and three slots of it, or a cut line, are late."""
    found = Standing(1, "collector", replays, receives, behind_s)
    assert (found.words, found.is_late) == (words, is_late)
