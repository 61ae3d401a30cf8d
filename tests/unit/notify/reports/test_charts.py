"""The pictures: real PNG files whose pixels say what the report says."""

import struct
import zlib
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from collector.domain.reports.comparison import PastRun
from collector.domain.reports.coverage_grid import CoverageGrid, Holding
from collector.domain.run_vocabulary import RunStatus
from collector.notify.reports import charts, palette

SLOTS = [datetime(2026, 11, 20, 14, 30, tzinfo=UTC) + timedelta(minutes=5 * i) for i in range(len(Holding))]


def _pixels(png: bytes) -> npt.NDArray[np.uint8]:
    """Decode an unfiltered RGBA PNG, checking its checksums, independently of the encoder."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour_type = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colour_type) == (8, 6)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(height, 1 + 4 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 4)


def _grid(*rows: list[Holding]) -> CoverageGrid:
    """Return a grid of contracts of one expiration, a row each."""
    contracts = [(date(2026, 11, 20), 100.0 + n) for n in range(len(rows))]
    return CoverageGrid.of(SLOTS[: len(rows[0])], contracts, np.array(rows, np.uint8))


@pytest.mark.parametrize("dark", [False, True], ids=["day", "night"])
def test_a_cell_has_the_colour_of_what_is_held(dark: bool) -> None:
    """Each way has its own; what is without quotes is faint by day and dark by night, what is not expected clear."""
    ways = list(Holding)
    pixels = _pixels(charts.grid_picture(_grid(ways), dark=dark))

    step = charts.WIDTH // len(ways)
    found = {one: tuple(pixels[8, step * one + step // 2]) for one in ways}
    faint = (*palette.rgb(palette.UNQUOTED.dark), 255) if dark else (*palette.rgb(palette.GRID), 102)
    assert found == {
        Holding.UNEXPECTED: (0, 0, 0, 0),
        Holding.VALUED: (*palette.rgb(palette.VALUED), 255),
        Holding.QUOTED: (*palette.rgb(palette.QUOTED), 255),
        Holding.UNQUOTED: faint,
        Holding.AWAITING: (*palette.rgb(palette.AWAITING), 255),
        Holding.QUARANTINED: (*palette.rgb(palette.QUARANTINED), 255),
        Holding.MISSING: (*palette.rgb(palette.UNKNOWN), 255),
    }


@pytest.mark.parametrize("holding", [Holding.MISSING, Holding.QUARANTINED, Holding.AWAITING])
def test_one_slot_shows_among_thousands(holding: Holding) -> None:
    """Of 4,600 contracts and four slots one is not there: a mark as wide as the slot, two shown pixels high."""
    rows = [[Holding.VALUED] * 4 for _ in range(4600)]
    rows[3000][2] = holding
    pixels = _pixels(charts.grid_picture(_grid(*rows)))

    colour = charts.HOLDING_COLOURS[holding]
    assert isinstance(colour, str)
    marked = (pixels[:, :, :3] == palette.rgb(colour)).all(axis=-1)
    ys, xs = np.nonzero(marked)
    assert (xs.min(), xs.max()) == (charts.WIDTH // 2, charts.WIDTH * 3 // 4 - 1)
    assert ys.max() - ys.min() >= 1
    assert marked.sum() == (ys.max() - ys.min() + 1) * charts.WIDTH // 4


def test_a_cell_is_filled_in_proportion() -> None:
    """Half with a volatility and half with quotes alone: half of the cell each."""
    rows = [[Holding.VALUED], [Holding.QUOTED]] * 40
    pixels = _pixels(charts.grid_picture(_grid(*rows)))
    column = pixels[:, charts.WIDTH // 2, :3]
    shares = [(column == palette.rgb(one)).all(axis=-1).sum() for one in (palette.VALUED, palette.QUOTED)]
    assert abs(int(shares[0]) - int(shares[1])) <= 8
    assert sum(shares) == 60


def test_history_has_a_dot_per_session_in_its_status_colour() -> None:
    """The scale fits the lowest session, and a failed one is red."""
    past = [
        PastRun(session=date(2026, 11, 16) + timedelta(days=i), status=status, reached=reached)
        for i, (status, reached) in enumerate(((RunStatus.SUCCESS, 1.0), (RunStatus.FAILED, 0.96)))
    ]

    png, floor = charts.completeness_picture(past)
    pixels = _pixels(png)

    assert floor == 0.95
    assert tuple(pixels[14, 14][:3]) == palette.rgb(palette.SUCCEEDED)
    assert (pixels[:, -40:, :3] == palette.rgb(palette.FAILED)).all(axis=-1).any()


def test_a_line_breaks_where_nothing_is_known() -> None:
    """No colour of the line in the middle, where the value is missing; the axis ends on a round number."""
    png, top = charts.line_picture([0, 1, 2, 3, 4], [3.2, 3.2, None, 3.2, 3.2], palette.LATENCY)
    pixels = _pixels(png)
    violet = (pixels[:, :, :3] == palette.rgb(palette.LATENCY)).all(axis=-1) & (pixels[:, :, 3] == 255)

    assert top == 5.0
    assert violet[:, 100].any()
    assert not violet[:, charts.WIDTH // 2].any()


def test_flat_and_empty_courses_are_drawn_too() -> None:
    """A run in which nothing was measured still has a picture."""
    assert charts.line_picture([0, 1], [None, None], palette.REQUESTS)[1] == 1.0
    assert charts.line_picture([5, 5], [0.0, 0.0], palette.REQUESTS)[1] == 1.0
