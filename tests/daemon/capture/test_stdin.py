"""Raw samples on a pipe are read as they come, whole, and without waiting."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from heard.capture.convert import Converter
from heard.capture.lost import InputRefusedError
from heard.capture.record import Place
from heard.capture.source import Heard
from heard.capture.stdin import StdinInput
from heard.settings import Source

from .around import RATE_HZ, noise
from .test_convert import whole as converted
from .test_files import PLENTY, at, joined


@dataclass
class Pipe:
    """Both ends of a pipe."""

    read: int
    write: int

    def put(self, data: bytes) -> None:
        """Deliver."""
        os.write(self.write, data)

    def end(self) -> None:
        """Close the writing end."""
        os.close(self.write)
        self.write = -1


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[Pipe]:
    made = Pipe(*os.pipe())
    yield made
    os.close(made.read)
    if made.write >= 0:
        made.end()


def opened(pipe: Pipe, *, place: Place | None = None, captured: int = 0, **given: object) -> StdinInput:
    source = Source(input="stdin", **given)  # type: ignore[arg-type]  # fields by name
    return StdinInput(source, place or Place(), captured, pipe.read)


def read_over(source: StdinInput, start: float, stop: float) -> list[Heard]:
    heard = []
    for step in range(int((stop - start) * 100) + 1):
        heard += source.read(at(start + step / 100), PLENTY)
    return heard


def test_a_live_producer_is_read_as_it_delivers(pipe: Pipe) -> None:
    """Nothing is waited for; times follow the samples; the end of the pipe is the end."""
    pcm = noise(0.4)
    source = opened(pipe)
    source.start(at(0))
    assert source.read(at(0.1), PLENTY) == []
    pipe.put(pcm[:1600].tobytes())
    heard = read_over(source, 0.1, 0.3)
    assert len(joined(heard)) == 1600
    pipe.put(pcm[1600:].tobytes())
    pipe.end()
    heard += read_over(source, 0.3, 1.0)
    assert source.ended
    assert (joined(heard) == pcm).all()
    assert heard[-1].time == pytest.approx(heard[0].time + (len(pcm) - len(heard[-1].pcm)) / RATE_HZ, abs=0.2)


def test_never_faster_than_real_time(pipe: Pipe) -> None:
    """However much the producer has ready."""
    source = opened(pipe)
    source.start(at(0))
    pipe.put(noise(1.5).tobytes())
    for moment in (0.1, 0.5, 1.0):
        read_over(source, moment, moment)
        assert source.place.sample == 0
    total = sum(len(each.pcm) for each in read_over(source, 1.0, 1.1))
    assert total <= 0.11 * RATE_HZ


def test_fast_takes_what_there_is_room_for(pipe: Pipe) -> None:
    """As fast as upstream allows."""
    pcm = noise(1.5)
    source = opened(pipe, pace="fast")
    source.start(at(0))
    pipe.put(pcm.tobytes())
    assert source.read(at(0), 0) == []
    first = source.read(at(0), 1000)
    assert len(joined(first)) == 1000
    assert (joined(first + source.read(at(0), PLENTY)) == pcm).all()


def test_half_a_sample_waits_for_its_other_half(pipe: Pipe) -> None:
    """Writers may cut anywhere; a half at the very end is left out."""
    pcm = noise(0.01)
    data = pcm.tobytes()
    source = opened(pipe, pace="fast")
    source.start(at(0))
    heard = []
    for start, stop in ((0, 1), (1, 4), (4, 101), (101, len(data))):
        pipe.put(data[start:stop])
        heard += source.read(at(0), PLENTY)
    assert (joined(heard) == pcm).all()
    pipe.put(b"x")
    assert source.read(at(0), PLENTY) == []
    assert not source.ended
    pipe.end()
    for _ in range(3):
        assert source.read(at(0), PLENTY) == []
    assert source.ended


@pytest.mark.parametrize("rate_hz", [8000, RATE_HZ, 48000])
def test_a_successor_goes_on_at_the_next_unread_sample(pipe: Pipe, rate_hz: int) -> None:
    """What was read and gave no sample yet is kept; killed any number of times, no sample is missing."""
    pcm = noise(1.0, 5)
    source, heard, captured = opened(pipe, pace="fast", rate_hz=rate_hz), [], 0
    source.start(at(0))
    data = pcm.tobytes()
    for start in range(0, len(data), 1111):
        pipe.put(data[start : start + 1111])
        heard += source.read(at(0), PLENTY)
        captured = len(joined(heard))
        source = opened(pipe, place=source.place, captured=captured, pace="fast", rate_hz=rate_hz)
        source.start(at(0))
    pipe.end()
    while not source.ended:
        heard += source.read(at(0), PLENTY)
    expected = converted(Converter(rate_hz, 1), pcm.reshape(-1, 1))
    got = joined(heard)
    assert len(got) == len(expected)
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_what_is_said_under_mute_is_thrown_away(pipe: Pipe) -> None:
    """A live producer is not blocked, and nothing of it is heard later."""
    source = opened(pipe)
    source.start(at(0))
    source.stop()
    pipe.put(np.full(1600, 111, dtype=np.int16).tobytes())
    source.skip(at(0.2))
    source.start(at(0.3))
    pipe.put(np.full(1600, 222, dtype=np.int16).tobytes())
    heard = read_over(source, 0.3, 0.7)
    assert set(joined(heard).tolist()) == {222}
    assert heard[0].time == pytest.approx(1050.3, abs=0.15)


def test_a_pause_of_the_producer_does_not_make_its_next_sample_old(pipe: Pipe) -> None:
    """Times go on at the time of day; our own stop is no pause of the producer's."""
    source = opened(pipe)
    source.start(at(0))
    pipe.put(noise(0.1).tobytes())
    read_over(source, 0.0, 0.3)
    read_over(source, 0.3, 3.0)
    pipe.put(noise(0.1).tobytes())
    heard = read_over(source, 3.0, 3.3)
    assert heard[0].time == pytest.approx(1053.0 - 0.1, abs=0.1)


def test_a_plain_file_and_the_null_device(tmp_path: Path) -> None:
    """Standard input need not be a pipe."""
    (tmp_path / "raw").write_bytes(noise(0.1).tobytes() + b"x")
    for path, samples in ((tmp_path / "raw", 1600), (Path("/dev/null"), 0)):
        with path.open("rb") as file:
            source = opened(Pipe(file.fileno(), -1), pace="fast")
            source.start(at(0))
            heard = [each for _ in range(4) for each in source.read(at(0), PLENTY)]
        assert (len(joined(heard)), source.ended) == (samples, True)


def test_what_cannot_be_read_is_refused(pipe: Pipe) -> None:
    """A closed descriptor, and a rate beyond what the record has room for."""
    with pytest.raises(InputRefusedError, match="at most 192000"):
        opened(pipe, rate_hz=384000)
    with pytest.raises(InputRefusedError, match="closed"):
        StdinInput(Source(input="stdin"), Place(), 0, 10_000)
