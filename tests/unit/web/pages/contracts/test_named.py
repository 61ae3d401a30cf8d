"""Days that pages of contracts are asked for."""

from datetime import date

import pytest

from collector.domain.errors import UsageError
from collector.web.pages.contracts import named


def test_a_day_that_is_asked_for() -> None:
    """As it is written; none where none is."""
    assert named.day({"start": "2026-11-25"}, "start") == date(2026, 11, 25)
    assert named.day({"start": ""}, "start") is None
    assert named.day({}, "start") is None


@pytest.mark.parametrize("text", ["today", "2026-11-31", "9999-12-31"])
def test_what_is_no_day(text: str) -> None:
    """It is refused in words; so is a day that no other follows."""
    with pytest.raises(UsageError, match="is no day"):
        named.day({"end": text}, "end")
