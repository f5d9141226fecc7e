"""The recording that comes with heard is the one that the committed script makes."""

from pathlib import Path

import numpy as np
import soundfile

from heard import demo

from ..support import corpus, make_demo


def test_the_recording_can_be_made_again(tmp_path: Path) -> None:
    """Samples and transcript follow from the corpus, so its licences are known to be complete."""
    length_s = make_demo.make(corpus.DATA, tmp_path)
    made, made_rate_hz = soundfile.read(tmp_path / "demo.flac", dtype="int16")
    shipped, rate_hz = soundfile.read(demo.recording(), dtype="int16")
    assert rate_hz == made_rate_hz == 16_000
    # Rounding may differ by one between processors.
    assert np.abs(made.astype(int) - shipped.astype(int)).max() <= 1
    assert 18 < length_s < 24
    assert demo.transcript() == (tmp_path / "demo.txt").read_text(encoding="utf-8").strip()


def test_the_notice_names_every_recording_in_it() -> None:
    """Whoever passes the package on passes the credits on."""
    notice = (demo.recording().parent / "NOTICE.md").read_text(encoding="utf-8")
    for name in make_demo.SPOKEN:
        assert name.split("-", 1)[1] in notice
