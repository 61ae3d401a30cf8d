"""The pictures of a report, drawn with numpy into PNG.

No plotting library: a mail's labels belong into its HTML, where they stay readable on a phone, follow dark mode and are
read aloud; what is left to draw are coloured cells and lines. So every mail has its pictures, nothing is installed
for them, and no run waits seconds for an import. Backgrounds are transparent and the colours hold on light and dark;
of a session's grid there is one more for those who say that they want it dark.
"""

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from collector.domain.reports.comparison import PastRun
from collector.domain.reports.coverage_grid import CoverageBand, CoverageGrid, Holding
from collector.domain.run_vocabulary import RunStatus
from collector.notify.reports import palette

STATUS_COLOURS = {
    RunStatus.SUCCESS: palette.SUCCEEDED,
    RunStatus.PARTIAL: palette.PARTIAL,
    RunStatus.FAILED: palette.FAILED,
    RunStatus.INTERRUPTED: palette.FAILED,
    RunStatus.RUNNING: palette.RUNNING,
}

WIDTH = 1104
"""Pixels; shown at half, so that it is sharp on a phone's screen."""

_LINE_HEIGHT = 220
_MARGIN = 14
SECTION_HEIGHT = 64
"""Pixels of a section of a grid, with the gap below it; shown at half, as high as two lines of text beside it."""

_GAP = 4
_LEAST = 4
"""Pixels: one missing slot must show among many known ones that share its cell."""
_TROUBLES = (Holding.MISSING, Holding.QUARANTINED, Holding.AWAITING)
_KNOWN = (Holding.VALUED, Holding.QUOTED, Holding.UNQUOTED)

HOLDING_COLOURS: dict[Holding, str | palette.Shade] = {
    Holding.VALUED: palette.VALUED,
    Holding.QUOTED: palette.QUOTED,
    Holding.UNQUOTED: palette.UNQUOTED,
    Holding.AWAITING: palette.AWAITING,
    Holding.QUARANTINED: palette.QUARANTINED,
    Holding.MISSING: palette.UNKNOWN,
}
_FAINT = 0.4
"""Opacity of slots without quotes by day: a picture that nobody switches holds on a dark ground, too."""


def grid_picture(grid: CoverageGrid, *, dark: bool = False) -> bytes:
    """Draw a session as PNG: slots from left to right, sections of contracts from top to bottom.

    A cell is filled in proportion to what is held of its contracts, from the top; what is missing stands at its foot,
    never too small to be seen. Transparent where nothing is expected. What is without quotes is faint.
    """
    slots = len(grid.slots)
    columns = np.arange(WIDTH) * slots // WIDTH
    drawn = np.zeros((SECTION_HEIGHT * len(grid.sections), slots), np.uint8)
    for number, section in enumerate(grid.sections):
        top, count = SECTION_HEIGHT * number, len(section.bands)
        edges = [top + (SECTION_HEIGHT - _GAP) * i // count for i in range(count + 1)]
        for band, (start, end) in zip(section.bands, pairwise(edges), strict=True):
            drawn[start:end] = _stacked(band, slots, end - start)
    colours = np.zeros((len(Holding), 4), np.uint8)
    for holding, colour in HOLDING_COLOURS.items():
        if isinstance(colour, palette.Shade):
            shown, opacity = (colour.dark, 1.0) if dark else (palette.GRID, _FAINT)
        else:
            shown, opacity = colour, 1.0
        colours[holding] = (*palette.rgb(shown), round(255 * opacity))
    return png(colours[drawn][:, columns])


def _stacked(band: CoverageBand, slots: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the holding of each pixel of a band, height × slots."""
    counts = {one: np.array(band.counts(one, slots), dtype=float) for one in (*_KNOWN, *_TROUBLES)}
    total = np.maximum(sum(counts.values()), 1)
    least = min(_LEAST, height // len(_TROUBLES))
    rows = np.arange(height)[:, None]
    found = np.zeros((height, slots), np.uint8)
    foot = np.full(slots, height)
    for one in _TROUBLES:
        share = np.maximum(np.round(height * counts[one] / total), least)
        start = np.where(counts[one] > 0, np.maximum(foot - share, 0), foot)
        found[(rows >= start) & (rows < foot)] = one
        foot = start
    known = np.maximum(sum(counts[one] for one in _KNOWN), 1)
    reached, before = np.zeros(slots), np.zeros(slots)
    for one in _KNOWN:
        reached = reached + counts[one]
        end = np.round(foot * reached / known)
        found[(rows >= before) & (rows < end)] = one
        before = end
    return found


def completeness_picture(past: Sequence[PastRun]) -> tuple[bytes, float]:
    """Draw what the window reached over past sessions, ascending, as a line with one dot a session.

    Returns:
        The PNG, and the fraction at its lower edge (its upper edge is 1).
    """
    known = [run.reached for run in past if run.reached is not None]
    lowest = min(known, default=1.0)
    floor = next((edge for edge in (0.99, 0.95, 0.9, 0.75, 0.5) if lowest >= edge), 0.0)
    canvas = _Canvas(WIDTH, _LINE_HEIGHT)
    canvas.grid(3)
    spots = _spots([run.reached for run in past], floor, 1.0, canvas)
    canvas.line(spots, palette.REACHED, 5.0)
    for run, spot in zip(past, spots, strict=True):
        if spot is not None:
            canvas.disc(spot, 9.0, STATUS_COLOURS[run.status])
    return canvas.png(), floor


def line_picture(times_s: Sequence[float], values: Sequence[float | None], colour: str) -> tuple[bytes, float]:
    """Draw values over time as a line above a shaded area; None interrupts the line.

    Returns:
        The PNG, and the value at its upper edge (its lower edge is 0).
    """
    top = _round_up(max((value for value in values if value is not None), default=1.0))
    canvas = _Canvas(WIDTH, _LINE_HEIGHT)
    canvas.grid(3)
    first, last = times_s[0], times_s[-1]
    shares = [(at - first) / (last - first) if last > first else 0.5 for at in times_s]
    spots = _spots(values, 0.0, top, canvas, shares)
    canvas.area(spots, colour)
    canvas.line(spots, colour, 5.0)
    return canvas.png(), top


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode height × width × RGBA as a PNG file."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + width * 4), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, width * 4)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


_Spot: TypeAlias = tuple[float, float]


class _Canvas:
    """Pixels with straight alpha, drawn on with antialiased shapes; y grows downwards."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._colour = np.zeros((height, width, 3))
        self._alpha = np.zeros((height, width))

    def grid(self, lines: int) -> None:
        """Draw horizontal lines, the first at the upper margin, the last at the lower."""
        for i in range(lines):
            y = _MARGIN + (self.height - 2 * _MARGIN) * i // (lines - 1)
            opacity = np.zeros((self.height, self.width))
            opacity[y : y + 2] = 0.35
            self._blend(opacity, palette.GRID)

    def line(self, spots: Sequence[_Spot | None], colour: str, thickness: float) -> None:
        """Draw a line through the spots; None interrupts it, a lonely spot becomes a dot."""
        ys, xs = np.mgrid[0 : self.height, 0 : self.width] + 0.5
        opacity = np.zeros((self.height, self.width))
        for piece in _pieces(spots):
            for (x0, y0), (x1, y1) in pairwise(piece) if len(piece) > 1 else [(piece[0], piece[0])]:
                left, right = max(0, int(min(x0, x1) - thickness)), int(max(x0, x1) + thickness) + 1
                x, y = xs[:, left:right], ys[:, left:right]
                length = (x1 - x0) ** 2 + (y1 - y0) ** 2
                share = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1) if length else 0.0
                distance = np.hypot(x - x0 - share * (x1 - x0), y - y0 - share * (y1 - y0))
                part = np.clip(thickness / 2 + 0.5 - distance, 0, 1)
                opacity[:, left:right] = np.maximum(opacity[:, left:right], part)
        self._blend(opacity, colour)

    def area(self, spots: Sequence[_Spot | None], colour: str) -> None:
        """Shade what lies under the line."""
        ys = np.arange(self.height)[:, None] + 0.5
        for piece in _pieces(spots):
            left, right = int(piece[0][0]), int(piece[-1][0]) + 1
            line = np.interp(np.arange(left, right) + 0.5, [x for x, _ in piece], [y for _, y in piece])
            opacity = np.zeros((self.height, self.width))
            opacity[:, left:right] = 0.22 * np.clip(ys - line + 0.5, 0, 1) * (ys < self.height - _MARGIN)
            self._blend(opacity, colour)

    def disc(self, spot: _Spot, radius: float, colour: str) -> None:
        """Draw a filled circle."""
        ys, xs = np.mgrid[0 : self.height, 0 : self.width] + 0.5
        self._blend(np.clip(radius + 0.5 - np.hypot(xs - spot[0], ys - spot[1]), 0, 1), colour)

    def png(self) -> bytes:
        """Return the picture as a PNG file."""
        pixels = np.dstack([self._colour, self._alpha * 255]).round().clip(0, 255)
        return png(pixels.astype(np.uint8))

    def _blend(self, opacity: npt.NDArray[np.float64], colour: str) -> None:
        below = self._alpha * (1 - opacity)
        total = opacity + below
        mixed = opacity[..., None] * np.array(palette.rgb(colour), dtype=float) + below[..., None] * self._colour
        self._colour = np.where(total[..., None] > 0, mixed / np.maximum(total, 1e-9)[..., None], 0.0)
        self._alpha = total


def _spots(
    values: Sequence[float | None], low: float, high: float, canvas: _Canvas, shares: Sequence[float] | None = None
) -> list[_Spot | None]:
    """Place values on a canvas: x by share of the width (evenly by default), y between low and high."""
    steps = max(len(values) - 1, 1)
    where = shares if shares is not None else [i / steps for i in range(len(values))]
    span = (high - low) or 1.0
    return [
        None
        if value is None
        else (
            _MARGIN + share * (canvas.width - 2 * _MARGIN),
            _MARGIN + (1 - (min(max(value, low), high) - low) / span) * (canvas.height - 2 * _MARGIN),
        )
        for value, share in zip(values, where, strict=True)
    ]


def _pieces(spots: Sequence[_Spot | None]) -> list[list[_Spot]]:
    pieces: list[list[_Spot]] = [[]]
    for spot in spots:
        if spot is not None:
            pieces[-1].append(spot)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5 × a power of ten, so that the axis ends on a round number."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 3, 5, 10) if step * power >= value * 0.9999))
