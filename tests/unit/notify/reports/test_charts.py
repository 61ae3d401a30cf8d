"""The pictures: real PNG files whose pixels say what the report says."""

import struct
import zlib
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from collector.domain.reports.comparison import PastRun
from collector.domain.reports.coverage_strip import CoverageStrip
from collector.domain.run_vocabulary import RunStatus, Verdict
from collector.notify.reports import charts, palette

T, N, U = Verdict.TRADED, Verdict.NO_TRADE, Verdict.UNKNOWN
SLOTS = [datetime(2026, 11, 20, 14, 30, tzinfo=UTC) + timedelta(minutes=5 * i) for i in range(4)]


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


def test_a_coverage_cell_has_the_colour_of_its_verdict() -> None:
    """Traded, no trade, unknown, and nothing at all where no bar is expected."""
    pixels = _pixels(charts.coverage_picture(CoverageStrip.of(SLOTS, [("a", [T, N, U, None])])))

    step = charts.WIDTH // 4
    verdicts = (palette.TRADED, palette.NO_TRADE, palette.UNKNOWN)
    colours = [tuple(pixels[2, step * i + step // 2]) for i in range(4)]
    assert colours == [*((*palette.rgb(one), 255) for one in verdicts), (0, 0, 0, 0)]


def test_one_unknown_slot_shows_among_many() -> None:
    """A cell of nine known contracts and one unknown is visibly redder than one of ten known."""
    known = CoverageStrip.of(SLOTS[:1], [("a", [N])] * 10, 1)
    doubtful = CoverageStrip.of(SLOTS[:1], [*[("a", [N])] * 9, ("a", [U])], 1)

    before, after = (_pixels(charts.coverage_picture(strip))[2, 2].astype(int) for strip in (known, doubtful))
    assert (after[0] - after[2]) - (before[0] - before[2]) > 40


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
