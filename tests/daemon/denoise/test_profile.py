"""Noise profiles: measured, kept, read again, refused."""

import os
import stat
import wave
from pathlib import Path

import numpy as np
import pytest

from heard.denoise.pcm import Pcm
from heard.denoise.profile import Learning, Profile, ProfileError, Profiles, checked, read, write

RATE_HZ = 16_000


def _hiss(seconds: float, rms: float = 0.01) -> Pcm:
    noise = rms * np.random.default_rng(1).standard_normal(round(RATE_HZ * seconds))
    return np.asarray(np.rint(32768 * noise), np.int16)


def _wav(path: Path, pcm: bytes, rate_hz: int = RATE_HZ, channels: int = 1, width: int = 2) -> Path:
    with wave.open(os.fspath(path), "wb") as file:
        file.setparams((channels, width, rate_hz, 0, "NONE", ""))
        file.writeframes(pcm)
    return path


def test_what_is_written_is_read_again_and_nobody_else_may(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "mic.wav"
    profile = Profile(_hiss(2))
    write(path, profile)
    assert read(path).same(profile)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = Profile(_hiss(1))
    write(path, other)
    assert read(path).same(other)
    assert [each.name for each in path.parent.iterdir()] == ["mic.wav"]


def test_its_level_and_length() -> None:
    profile = Profile(_hiss(2))
    assert profile.seconds == 2
    assert profile.noise_dbfs == pytest.approx(-40, abs=0.2)
    assert not profile.same(None)


def test_files_that_are_no_profile_are_refused_in_a_line(tmp_path: Path) -> None:
    """What is wrong, where, and what would be right."""
    sound = _hiss(1).tobytes()
    text = tmp_path / "text.wav"
    text.write_text("hello")
    empty = tmp_path / "empty.wav"
    empty.touch()
    shut = _wav(tmp_path / "shut.wav", sound)
    cut = _wav(tmp_path / "cut.wav", sound)
    cut.write_bytes(cut.read_bytes()[:3001])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, wrong in [
        (tmp_path / "gone.wav", "cannot be read: No such file"),
        (tmp_path, "must be a WAV file"),
        (pipe, "must be a WAV file"),
        (text, "not a WAV file"),
        (empty, "not a WAV file (it ends too soon)"),
        (cut, "0.09 s long; must be 0.5 to 30 s"),
        (_wav(tmp_path / "rate.wav", sound, rate_hz=44_100), "44100 Hz, 1 channel, 16 bit; must be 16000 Hz"),
        (_wav(tmp_path / "two.wav", sound, channels=2), "16000 Hz, 2 channels, 16 bit; must be"),
        (_wav(tmp_path / "wide.wav", sound, width=1), "8 bit; must be 16000 Hz, 1 channel, 16 bit"),
        (_wav(tmp_path / "long.wav", bytes(2 * 31 * RATE_HZ)), "more than 30 s long; must be 0.5 to 30 s"),
        (_wav(tmp_path / "still.wav", bytes(2 * RATE_HZ)), "digital silence; must be noise of the room"),
    ]:
        with pytest.raises(ProfileError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert wrong in str(caught.value)
        assert "\n" not in str(caught.value)
    assert read(shut).seconds == 1


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "noise").write_text("in the way")
    with pytest.raises(ProfileError, match=r"mic\.wav: cannot be written"):
        write(Profiles(tmp_path).path("mic"), Profile(_hiss(1)))


def test_a_source_names_its_profile(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    assert profiles.load("mic", "tracked") is None
    with pytest.raises(ProfileError, match="nothing was learned yet: heardctl learn-noise mic"):
        profiles.load("mic", "learned")
    with pytest.raises(ProfileError, match='must be "tracked", "learned" or an absolute path'):
        profiles.load("mic", "noise.wav")
    write(profiles.path("mic"), Profile(_hiss(1)))
    learned = profiles.load("mic", "learned")
    assert learned is not None
    assert learned.same(profiles.load("line", str(tmp_path / "noise" / "mic.wav")))


def test_what_is_learned_is_what_came_first() -> None:
    learning = Learning(1000)
    pcm = _hiss(0.1)
    learning.add(pcm[:700])
    assert not learning.complete
    learning.add(pcm[700:1500])
    learning.add(pcm)
    assert learning.complete
    np.testing.assert_array_equal(learning.pcm, pcm[:1000])
    learning.interrupt("muted")
    assert learning.interrupted is None


def test_too_little_is_no_profile() -> None:
    with pytest.raises(ProfileError, match=r"mic: 0.40 s long; must be 0.5 to 30 s"):
        checked(_hiss(0.4), "mic")
