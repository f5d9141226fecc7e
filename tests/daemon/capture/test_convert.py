"""Frames become int16 mono at the working rate, in pieces of any size."""

import numpy as np
import numpy.typing as npt
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.capture.convert import Converter, frame_of, warm_up

from .around import RATE_HZ, noise

Floats = npt.NDArray[np.float32]


def column(values: list[float]) -> Floats:
    return np.array(values, dtype=np.float32).reshape(-1, 1)


def whole(converter: Converter, frames: npt.NDArray[np.int16] | Floats) -> npt.NDArray[np.int16]:
    return np.concatenate([converter.convert(frames), converter.finish()])


def test_int16_at_the_working_rate_is_left_alone() -> None:
    """Bit for bit, as int16 and as the floats that libsndfile makes of it."""
    pcm = noise(0.1)
    assert (whole(Converter(RATE_HZ, 1), pcm.reshape(-1, 1)) == pcm).all()
    floats = (pcm / np.float32(32768)).astype(np.float32).reshape(-1, 1)
    converter = Converter(RATE_HZ, 1)
    assert (whole(converter, floats) == pcm).all()
    assert converter.clipped == 0


def test_what_does_not_fit_is_clipped_and_counted() -> None:
    """Full scale is clipped, not wrapped; what is no number is silence."""
    converter = Converter(RATE_HZ, 1)
    got = converter.convert(column([1.0, 2.0, -1.0, -1.5, 0.5, float("nan"), float("inf"), -float("inf")]))
    assert got.tolist() == [32767, 32767, -32768, -32768, 16384, 0, 0, 0]
    assert converter.clipped == 6


@pytest.mark.parametrize("rate_hz", [8000, 44100])
def test_nothing_poisons_the_resampler(rate_hz: int) -> None:
    """NaN, inf and absurdly loud frames leave what comes later intact."""
    frames = np.zeros((rate_hz, 1), dtype=np.float32)
    frames[100], frames[200], frames[300] = np.nan, np.inf, 3e38
    frames[rate_hz // 2 :, 0] = 0.25
    got = whole(Converter(rate_hz, 1), frames)
    assert len(got) == RATE_HZ
    assert got[3 * RATE_HZ // 4] == pytest.approx(8192, abs=2)


def test_a_channel_is_picked_or_all_are_mixed() -> None:
    """Channels count from 1; 0 is their mean; a mono stream has but one."""
    left, right = noise(0.05, 1), noise(0.05, 2)
    stereo = np.stack([left, right], axis=1)
    assert (Converter(RATE_HZ, 1).convert(stereo) == left).all()
    assert (Converter(RATE_HZ, 2).convert(stereo) == right).all()
    mixed = Converter(RATE_HZ, 0).convert(stereo).astype(float)
    assert np.abs(mixed - (left.astype(float) + right) / 2).max() <= 0.5
    assert (Converter(RATE_HZ, 0).convert(left.reshape(-1, 1)) == left).all()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([8000, 11025, 22050, 44100, 48000, 96000]), st.lists(st.integers(1, 5000), max_size=8))
def test_pieces_of_any_size_give_the_same_samples(rate_hz: int, sizes: list[int]) -> None:
    """As many as the length says, and those of the whole at once."""
    rng = np.random.default_rng(3)
    frames = (rng.standard_normal((rate_hz // 4, 1)) * 0.1).astype(np.float32)
    converter, got, at = Converter(rate_hz, 1), [], 0
    for size in sizes:
        got.append(converter.convert(frames[at : at + size]))
        at += size
    got += [converter.convert(frames[at:]), converter.finish()]
    expected = soxr.resample(frames[:, 0], rate_hz, RATE_HZ, quality="HQ") * 32768
    samples = np.concatenate(got)
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() <= 0.51


def test_one_frame_and_none() -> None:
    """The shortest inputs there are."""
    for rate_hz in (8000, RATE_HZ, 44100):
        assert len(whole(Converter(rate_hz, 1), np.zeros((0, 1), dtype=np.float32))) == 0
        assert len(whole(Converter(rate_hz, 1), column([0.1]))) <= 2
    assert len(whole(Converter(RATE_HZ, 1), column([0.1]))) == 1


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000]), st.integers(0, 15_000))
def test_a_resumed_stretch_goes_on_as_if_nothing_had_stopped(rate_hz: int, sample: int) -> None:
    """From `warm_up` on the samples are those of the uninterrupted stretch, to the last bit but one."""
    rng = np.random.default_rng(4)
    frames = (rng.standard_normal((rate_hz, 1)) * 0.1).astype(np.float32)
    undisturbed = whole(Converter(rate_hz, 1), frames)
    frame, discard = warm_up(sample, rate_hz)
    assert 0 <= frame <= frame_of(sample, rate_hz)
    resumed = whole(Converter(rate_hz, 1, discard=discard), frames[frame:])
    assert len(resumed) == len(undisturbed) - sample
    assert np.abs(resumed.astype(int) - undisturbed[sample:]).max(initial=0) <= 1
