"""Spectrograms as a picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heard.compare.png import COLUMNS, LABEL, available, draw


@pytest.mark.parametrize("columns", [COLUMNS, 3])
def test_panels_stand_below_each_other(tmp_path: Path, columns: int) -> None:
    """Each below its label, as wide as the picture; loud is light."""
    assert available()
    silent, loud = np.zeros((16, columns), np.float32), np.ones((16, columns), np.float32)
    draw(tmp_path / "a.png", [("before", loud), ("after", silent)])
    with Image.open(tmp_path / "a.png") as opened:
        image = np.asarray(opened.convert("L"))
    assert image.shape == (2 * (LABEL + 16), COLUMNS)
    assert image[LABEL : LABEL + 16].min() > 200
    assert image[2 * LABEL + 16 :].max() < 10
    assert image[:LABEL].min() < 100


def test_a_place_that_cannot_be_written_to_is_an_os_error(tmp_path: Path) -> None:
    """For the command to say."""
    with pytest.raises(OSError, match="gone"):
        draw(tmp_path / "gone" / "a.png", [("a", np.zeros((2, 2), np.float32))])
