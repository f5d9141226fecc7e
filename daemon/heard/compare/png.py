"""Spectrograms as one PNG. The only module that imports Pillow, which comes with noisereduce's Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from heard.compare.sound import Shades

ROWS, COLUMNS = 128, 1000
"""Pixels of one spectrogram."""
LABEL = 18
"""Pixels of the line above it."""

Shade = tuple[int, int, int]
ANCHORS: tuple[tuple[float, Shade], ...] = (
    (0.0, (0, 0, 4)),
    (0.35, (66, 10, 104)),
    (0.6, (188, 55, 84)),
    (0.8, (249, 142, 9)),
    (1.0, (252, 255, 200)),
)
"""Dark blue to light yellow: light is loud. In between, straight lines."""


def available() -> bool:
    """Say whether a PNG can be drawn."""
    return find_spec("PIL") is not None


def draw(path: Path, panels: Sequence[tuple[str, Shades]]) -> None:
    """Write the panels one below the other, each with its label; all have equally many rows.

    Raises:
        OSError: the file cannot be written.
    """
    from PIL import Image, ImageDraw  # noqa: PLC0415  # only where a picture is asked for

    rows = len(panels[0][1])
    sheet = Image.new("RGB", (COLUMNS, len(panels) * (LABEL + rows)), "white")
    pen = ImageDraw.Draw(sheet)
    levels = [level for level, _ in ANCHORS]
    for number, (label, shades) in enumerate(panels):
        top = number * (LABEL + rows)
        pen.text((4, top + 3), label, fill="black")
        channels = [np.interp(shades, levels, [colour[place] for _, colour in ANCHORS]) for place in range(3)]
        pixels = np.stack(channels, axis=-1).astype(np.uint8)
        # What is too short for as many columns is stretched.
        sheet.paste(Image.fromarray(pixels).resize((COLUMNS, rows)), (0, top + LABEL))
    sheet.save(path, format="PNG")
