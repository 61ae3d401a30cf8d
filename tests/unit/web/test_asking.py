"""What stands in an address is read as people write it, and refused in words."""

from datetime import date

import pytest

from collector.domain.errors import UsageError
from collector.web import asking


def test_what_is_not_asked_for_is_nothing() -> None:
    """An absent or empty parameter is the default, as an empty field of a form sends it."""
    assert asking.number({}, "page", 1) == 1
    assert asking.number({"page": " "}, "page") is None
    assert asking.day({"since": ""}, "since") is None
    assert asking.start_of(None) is None
    assert asking.choice({"state": ""}, "state", ("open", "lost"), "open") == "open"
    assert asking.symbol({"symbol": " "}) is None


def test_what_is_asked_for_is_read() -> None:
    """Numbers, dates, words and symbols; a day begins in New York."""
    assert asking.number({"page": " 12 "}, "page") == 12
    assert asking.day({"since": "2026-11-20"}, "since") == date(2026, 11, 20)
    assert str(asking.start_of(date(2026, 11, 20))) == "2026-11-20 00:00:00-05:00"
    assert asking.choice({"state": "LOST"}, "state", ("open", "lost")) == "lost"
    assert asking.symbol({"symbol": "spy"}) == "SPY"


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "１", "²", "9" * 5000, "2147483648"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Only decimal digits that the tables can hold are a number."""
    with pytest.raises(UsageError, match="is no number from 1 to"):
        asking.number({"page": text}, "page")


def test_what_is_unknown_is_refused_with_what_there_is() -> None:
    """A word names the others, a date how it is written."""
    with pytest.raises(UsageError, match="state='odd' is not known") as refused:
        asking.choice({"state": "odd"}, "state", ("open", "lost"))
    assert refused.value.hint == "There are: open, lost."
    with pytest.raises(UsageError, match=r"'20\.11\.' is no date"):
        asking.day({"since": "20.11."}, "since")
