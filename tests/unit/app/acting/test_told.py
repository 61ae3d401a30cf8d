import pytest

from collector.app.acting.told import archived
from collector.jobs.archive_pass import Archived, Problem, Written


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (
            1,
            [
                "1 object is written: 1 bar, 1.0 MB",
                "1 of the sessions has not settled; the files say so, and are written again then",
                "1 object could not be written; what was there before still is",
            ],
        ),
        (
            2,
            [
                "2 objects are written: 2 bars, 2.0 MB",
                "2 of the sessions have not settled; the files say so, and are written again then",
                "2 objects could not be written; what was there before still is",
            ],
        ),
    ],
)
def test_one_and_several(count: int, told: list[str]) -> None:
    """What a pass has done is told in grammatical words, of one thing and of several."""
    written = [Written("a", "SPY", "option_bars_5min", 1, 1_000_000, 1, 0)] * count
    problems = [Problem("b", "it is full", "make room")] * count
    assert list(archived(Archived(written=written, problems=problems, unsettled=count))) == told
