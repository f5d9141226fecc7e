"""Recordings from files, as capture hears them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from heard.capture.lost import InputRefusedError
from heard.compare.recording import read, stems, write

from ...support.corpus import utterance


def test_a_file_is_read_to_the_sample() -> None:
    """16 kHz and 16 bits come in as they are."""
    spoken = utterance("vctk-p226-016")
    recording = read(spoken.path, 1, "a")
    assert np.array_equal(recording.pcm, spoken.pcm())
    assert recording.seconds == pytest.approx(spoken.duration_s, abs=0.01)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """As WAV, sample by sample."""
    pcm = np.array([0, 1, -1, 32767, -32768], np.int16)
    write(tmp_path / "a.wav", pcm)
    assert np.array_equal(read(tmp_path / "a.wav", 1, "a").pcm, pcm)


def test_other_rates_and_channels_are_brought_to_ours(tmp_path: Path) -> None:
    """A second of stereo at 44.1 kHz is 16,000 samples of the channel asked for."""
    tone = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    soundfile.write(tmp_path / "a.flac", np.stack([0 * tone, 0.5 * tone], axis=1), 44_100)
    assert abs(len(read(tmp_path / "a.flac", 1, "a").pcm) - 16_000) <= 1
    assert np.abs(read(tmp_path / "a.flac", 1, "a").pcm).max() == 0
    assert np.abs(read(tmp_path / "a.flac", 2, "a").pcm).max() == pytest.approx(16_384, rel=0.02)
    with pytest.raises(InputRefusedError, match="the file has 2"):
        read(tmp_path / "a.flac", 3, "a")


def test_files_of_one_name_are_told_apart() -> None:
    """What is kept of them must not be mixed up."""
    paths = [Path("a/x.wav"), Path("b/x.flac"), Path("x-2.wav"), Path("b/x.wav")]
    found = stems(paths)
    assert found[0] == "x"
    assert len(set(found)) == 4
