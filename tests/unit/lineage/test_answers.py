"""Which answers brought a value, from checksums alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zlib import crc32

import pytest

from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import WhatToShow
from collector.lineage.answers import Answers

START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
SLOTS = [START + place * timedelta(minutes=5) for place in range(78)]
STATE = {slot: (100 * place, 100 * place + 300, 100 * place, 100 * place + 200) for place, slot in enumerate(SLOTS)}
OWN = 40


def checksum(places: Sequence[int]) -> int:
    """Return the checksum of an answer that held the bars at some places, reckoned by hand."""
    numbers = ((int(SLOTS[place].timestamp()), *STATE[SLOTS[place]]) for place in places)
    texts = (b"".join(number.to_bytes(8, "little", signed=True) for number in one) for one in numbers)
    return sum(crc32(text) % 2**31 for text in texts) % 2**31


def explains(places: Sequence[int]) -> bool:
    """Tell whether an answer with the bars at some places explains the one at OWN."""
    answers = Answers(None, None, OPTION_BARS_5MIN, WhatToShow.BID, SLOTS[OWN], ())  # type: ignore[arg-type]  # nothing is read
    return answers._explains(STATE, checksum(places))


EVERY = range(78)


@pytest.mark.parametrize("lacking", [(), (3,), (3, 70), (41,), (39,), tuple(range(10, 25)), tuple(range(41, 78))])
def test_an_answer_that_held_the_bar(lacking: tuple[int, ...]) -> None:
    """All that is stored, or all but one bar, two, or some that follow each other."""
    assert explains([place for place in EVERY if place not in lacking])


@pytest.mark.parametrize("lacking", [(OWN,), tuple(range(38, 44)), (OWN, 3)])
def test_an_answer_that_lacked_the_bar(lacking: tuple[int, ...]) -> None:
    """The bar itself was not in it, alone or among others."""
    assert not explains([place for place in EVERY if place not in lacking])


def test_a_bar_that_was_changed_afterwards() -> None:
    """With another number in any slot the answer explains nothing."""
    before = dict(STATE)
    brought = checksum(EVERY)
    STATE[SLOTS[7]] = (701, 1000, 700, 900)
    try:
        answers = Answers(None, None, OPTION_BARS_5MIN, WhatToShow.BID, SLOTS[OWN], ())  # type: ignore[arg-type]  # nothing is read
        assert not answers._explains(STATE, brought)
    finally:
        STATE.update(before)
