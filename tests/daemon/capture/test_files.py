"""A file of any kind is read at its pace, resumed where it stood, or refused in one line."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from heard.capture.files import FileInput
from heard.capture.lost import InputRefusedError
from heard.capture.record import Place
from heard.capture.source import Heard, Now
from heard.settings import Source

from .around import RATE_HZ, Samples, noise, write_wav

PLENTY = 1 << 30


def at(seconds: float) -> Now:
    """Return a moment: the monotonic clock and the other one are 1000 s apart."""
    return Now(50.0 + seconds, 1050.0 + seconds)


def opened(path: Path, **given: object) -> FileInput:
    return FileInput(Source(input="file", path=str(path), **given), Place(), 0)  # type: ignore[arg-type]  # fields by name


def joined(heard: list[Heard]) -> Samples:
    return np.concatenate([np.empty(0, dtype=np.int16), *(each.pcm for each in heard)])


def to_the_end(source: FileInput) -> list[Heard]:
    source.start(at(0))
    heard = []
    for _ in range(1000):
        heard += source.read(at(0), PLENTY)
        if source.ended:
            return heard
    raise AssertionError("the file does not end")


def test_real_time_is_the_pace(tmp_path: Path) -> None:
    """A sample comes when a device would have delivered it, and what is late is caught up."""
    pcm = noise(3.0)
    source = opened(write_wav(tmp_path / "a.wav", pcm))
    source.start(at(0))
    assert source.read(at(0.005), PLENTY) == []
    (heard,) = source.read(at(0.5), 0)
    assert (len(heard.pcm), heard.time) == (RATE_HZ // 2, 1050.0)
    (late,) = source.read(at(2.9), 0)
    assert (len(late.pcm), late.time) == (RATE_HZ, 1050.5)
    rest = source.read(at(2.9), 0) + source.read(at(2.9), 0)
    assert source.read(at(2.9), 0) == []
    assert not source.ended
    rest += source.read(at(3.5), 0)
    assert source.ended
    assert (joined([heard, late, *rest]) == pcm).all()


def test_fast_reads_as_much_as_there_is_room(tmp_path: Path) -> None:
    """And gives the samples the same times."""
    pcm = noise(3.0)
    source = opened(write_wav(tmp_path / "a.wav", pcm), pace="fast")
    source.start(at(0))
    assert source.read(at(0), 0) == []
    (first,) = source.read(at(0), 4000)
    (second,) = source.read(at(9), PLENTY)
    assert (len(first.pcm), len(second.pcm)) == (4000, RATE_HZ)
    assert (first.time, second.time) == (1050.0, 1050.25)


@pytest.mark.parametrize("rate_hz", [RATE_HZ, 44100])
def test_a_successor_goes_on_at_the_next_sample(tmp_path: Path, rate_hz: int) -> None:
    """From its place and the number of samples alone; the times go on as well."""
    frames = (noise(3.0 * rate_hz / RATE_HZ)[: 3 * rate_hz] // 2).astype(np.int16)
    path = write_wav(tmp_path / "a.wav", frames, rate_hz)
    whole = joined(to_the_end(opened(path, pace="fast")))
    first = opened(path)
    first.start(at(0))
    heard = first.read(at(0.7), 0)
    captured = len(joined(heard))
    source = Source(input="file", path=str(path))
    successor = FileInput(source, first.place, captured)
    successor.start(at(2.0))
    heard += successor.read(at(2.0), 0)
    assert heard[-1].time == pytest.approx(1050.0 + captured / RATE_HZ)
    while not successor.ended:
        heard += successor.read(at(9.0), 0)
    got = joined(heard)
    assert len(got) == len(whole)
    assert np.abs(got.astype(int) - whole).max() <= 1


def test_a_muted_file_goes_on_unheard(tmp_path: Path) -> None:
    """At real-time pace: what it would have played is skipped, and its time is the time of day."""
    pcm = noise(4.0)
    source = opened(write_wav(tmp_path / "a.wav", pcm))
    source.start(at(0))
    (first,) = source.read(at(1.0), 0)
    source.stop()
    for moment in (1.2, 1.7, 2.5):
        source.skip(at(moment))
    source.start(at(2.5))
    (second,) = source.read(at(3.0), 0)
    skipped = source.place.frame
    assert skipped == pytest.approx(2.5 * RATE_HZ, abs=3)
    assert len(second.pcm) == pytest.approx(8000, abs=3)
    assert (second.pcm == pcm[skipped : skipped + len(second.pcm)]).all()
    assert second.time == pytest.approx(1052.5, abs=1e-3)
    assert (first.pcm == pcm[:RATE_HZ]).all()
    source.stop()
    source.skip(at(4.1))
    assert source.ended


def test_a_muted_fast_file_keeps_its_place(tmp_path: Path) -> None:
    """Its time stands still."""
    pcm = noise(1.0)
    source = opened(write_wav(tmp_path / "a.wav", pcm), pace="fast")
    source.start(at(0))
    heard = source.read(at(0), 1000)
    source.stop()
    source.skip(at(100))
    source.start(at(100))
    heard += source.read(at(100), 1000)
    assert (joined(heard) == pcm[:2000]).all()


def test_a_looped_file_begins_again(tmp_path: Path) -> None:
    """Without a hole in its times, and for as long as one likes."""
    pcm = noise(0.5)
    source = opened(write_wav(tmp_path / "a.wav", pcm), loop=True)
    source.start(at(0))
    heard = []
    for step in range(1, 30):
        heard += source.read(at(step / 10), 0)
    got = joined(heard)
    assert (got == np.tile(pcm, 8)[: len(got)]).all()
    assert len(got) == pytest.approx(2.9 * RATE_HZ, abs=400)
    assert heard[-1].time + len(heard[-1].pcm) / RATE_HZ == pytest.approx(1050 + len(got) / RATE_HZ)


def test_every_width_rate_and_number_of_channels(tmp_path: Path) -> None:
    """8 and 24 bits, float, 44.1 kHz, stereo and FLAC give what the plain file gives."""
    pcm = (noise(1.0) // 256 * 256).astype(np.int16)
    plain = pcm / np.float32(32768)
    for name, subtype in (
        ("u8.wav", "PCM_U8"),
        ("24.wav", "PCM_24"),
        ("f.wav", "FLOAT"),
        ("a.flac", "PCM_16"),
    ):
        soundfile.write(tmp_path / name, plain, RATE_HZ, subtype=subtype)
        assert (joined(to_the_end(opened(tmp_path / name, pace="fast"))) == pcm).all(), name
    stereo = np.stack([plain, -plain], axis=1)
    soundfile.write(tmp_path / "s.wav", stereo, RATE_HZ)
    assert (joined(to_the_end(opened(tmp_path / "s.wav", pace="fast"))) == pcm).all()
    assert not joined(to_the_end(opened(tmp_path / "s.wav", pace="fast", channel=0))).any()
    soundfile.write(tmp_path / "44.wav", np.repeat(plain, 3)[:44100], 44100)
    assert len(joined(to_the_end(opened(tmp_path / "44.wav", pace="fast")))) == RATE_HZ


def test_a_float_file_with_what_is_no_number(tmp_path: Path) -> None:
    """It is heard as silence there, and counted."""
    values: npt.NDArray[np.float32] = np.full(100, 0.5, dtype=np.float32)
    values[[3, 50]] = np.nan, np.inf
    soundfile.write(tmp_path / "nan.wav", values, RATE_HZ, subtype="FLOAT")
    source = opened(tmp_path / "nan.wav", pace="fast")
    got = joined(to_the_end(source))
    assert (got[3], got[50], got[4], source.clipped) == (0, 0, 16384, 2)


def test_one_sample_is_enough(tmp_path: Path) -> None:
    """The shortest file that holds audio."""
    source = opened(write_wav(tmp_path / "one.wav", np.array([77], dtype=np.int16)))
    source.start(at(0))
    assert joined(source.read(at(0.02), 0)).tolist() == [77]
    assert source.ended


def test_a_file_cut_short_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    """A WAV whose header promises more, and a FLAC that breaks off."""
    pcm = noise(2.0)
    data = write_wav(tmp_path / "a.wav", pcm).read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: 44 + 16000])
    assert (joined(to_the_end(opened(tmp_path / "cut.wav", pace="fast"))) == pcm[:8000]).all()
    soundfile.write(tmp_path / "a.flac", pcm, RATE_HZ)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    got = joined(to_the_end(opened(tmp_path / "cut.flac", pace="fast")))
    assert 0 < len(got) < len(pcm)
    assert (got == pcm[: len(got)]).all()


def header_only(path: Path) -> None:
    soundfile.write(path, np.empty(0, dtype=np.int16), RATE_HZ)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: path.with_name("b.wav").touch(), "no such file"),
        (lambda path: path.mkdir(), "not a file"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"this is no audio at all" * 50), "cannot be read as audio: .+"),
        (lambda path: path.write_bytes(b"RIFF\x24\x00\x00\x00WAVE"), "cannot be read as audio: .+"),
        (header_only, "holds no samples"),
    ],
)
def test_what_cannot_be_heard_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], object], complaint: str
) -> None:
    """The line names the file and what is wrong with it."""
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(InputRefusedError, match=rf"^{re.escape(str(path))}: {complaint}") as caught:
        opened(path)
    assert "\n" not in str(caught.value)


def test_a_channel_that_the_file_lacks_is_refused(tmp_path: Path) -> None:
    """With the number of those it has."""
    path = write_wav(tmp_path / "a.wav", noise(0.1))
    with pytest.raises(InputRefusedError, match="channel = 2: the file has 1"):
        opened(path, channel=2)


def test_a_file_that_is_cut_off_in_its_first_frame_is_refused(tmp_path: Path) -> None:
    """It opens, but nothing in it can be found: one line, and no trace."""
    whole = tmp_path / "whole.flac"
    soundfile.write(whole, np.zeros((8000, 2)), RATE_HZ)
    for size in range(60, whole.stat().st_size, 7):
        cut = tmp_path / f"cut-{size}.flac"
        cut.write_bytes(whole.read_bytes()[:size])
        with contextlib.suppress(InputRefusedError):
            tape = opened(cut, pace="fast")
            tape.start(at(0))
            tape.read(at(1), RATE_HZ)
