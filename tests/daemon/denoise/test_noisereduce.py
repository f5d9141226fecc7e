"""The library on a stream: it follows the library on the whole recording."""

from dataclasses import replace

import numpy as np
import pytest

from heard.denoise.backend import Samples
from heard.denoise.noisereduce import N_FFT, NOISE, SHAPE, Noisereduce, whole, whole_stationary
from heard.denoise.window import SlidingWindow
from heard.settings import DEFAULT_MIX

from ...support.corpus import noise, utterance
from ...support.mixing import mix

NOTHING = np.zeros(0, np.float32)
FROM = 4 * 16_000


def _streamed(samples: Samples, block: int = 320) -> Samples:
    stream = Noisereduce().start(0, NOTHING)
    out = []
    for start in range(0, len(samples), block):
        stream.feed(samples[start : start + block])
        out.append(stream.take())
    return np.concatenate([*out, stream.finish()])


def _noisy(speech: str, disturbance: str, snr_db: float) -> Samples:
    mixture = mix(utterance(speech).samples(), noise(disturbance).samples(), snr_db=snr_db, seed=3)
    return (np.rint(mixture.noisy * 32768) / 32768).astype(np.float32)


def _agreement_db(samples: Samples, streamed: Samples, reference: Samples, mix: float) -> float:
    """Return the SNR of the difference from 4 s on, both blended with the dry signal."""
    expected = (samples * (1 - mix) + reference * mix)[FROM:]
    difference = (mix * (reference - streamed))[FROM:]
    return float(10 * np.log10(np.sum(expected**2) / np.sum(difference**2)))


@pytest.mark.parametrize(
    ("speech", "disturbance", "snr_db"),
    [
        ("ls-198-209-0000", "babble-cafe", 0),
        ("jfk-inaugural", "street-city", 5),
        ("lj-LJ001-0004", "train-interior", 10),
        ("ls-3080-5032-0000", "car-engine", 20),
        ("ls-1255-90413-0001", "keyboard-typing", 5),
        ("vctk-p226-016", "demand-p287-005", 10),
    ],
)
def test_the_stream_follows_the_whole_recording(speech: str, disturbance: str, snr_db: float) -> None:
    """From 4 s on to 15 dB at full strength and to 30 dB at the default mix."""
    samples = _noisy(speech, disturbance, snr_db)
    # The library drops what is no whole hop at the end.
    padded = np.pad(samples, (0, -len(samples) % (N_FFT // 4)))
    reference = whole(padded, padding=0)[: len(samples)]
    streamed = _streamed(samples)
    assert len(streamed) == len(samples)
    assert _agreement_db(samples, streamed, reference, 1.0) >= 15
    assert _agreement_db(samples, streamed, reference, DEFAULT_MIX["noisereduce"]) >= 30


@pytest.mark.slow
def test_a_second_behind_the_primer_is_better_than_four_without() -> None:
    """The noise floor from before is worth more than a longer window, on the mean over some mixes."""
    plain = replace(SHAPE, past=4 * 16_000, memory=0, settle=0)
    gains_db = []
    for speech, disturbance, snr_db in (
        ("vctk-p228-021", "street-city", 5),
        ("ls-198-209-0000", "train-interior", 10),
        ("vctk-p227-003", "babble-cafe", 0),
    ):
        samples = _noisy(speech, disturbance, snr_db)
        padded = np.pad(samples, (0, -len(samples) % (N_FFT // 4)))
        reference = whole(padded, padding=0)[: len(samples)]
        stream = SlidingWindow(Noisereduce().reduce, plain, 0, NOTHING)
        stream.feed(samples)
        without = _agreement_db(samples, stream.finish(), reference, 1.0)
        gains_db.append(_agreement_db(samples, _streamed(samples), reference, 1.0) - without)
    assert np.mean(gains_db) > 0.5


def test_a_mix_is_what_the_library_calls_prop_decrease() -> None:
    samples = _noisy("vctk-p225-011", "street-city", 5)
    samples = samples[: len(samples) // 256 * 256]
    gentle = whole(samples, padding=0, strength=0.3)
    np.testing.assert_allclose(0.7 * samples + 0.3 * whole(samples, padding=0), gentle, atol=1e-5)


def test_any_chunking_gives_the_same_samples_to_the_bit() -> None:
    samples = _noisy("vctk-p228-021", "babble-cafe", 5)[: 7 * 16_000]
    np.testing.assert_array_equal(_streamed(samples, 320), _streamed(samples, 7919))


def test_a_later_start_with_lead_in_gives_the_same_samples_to_the_bit() -> None:
    """A replay begins 6 s before the wanted samples; the backend needs no more."""
    assert SHAPE.context <= 6 * 16_000
    samples = _noisy("ls-198-209-0000", "street-city", 10)[: 9 * 16_000]
    position = 7 * 16_000 + 123
    stream = Noisereduce().start(position, samples[position - SHAPE.context : position])
    stream.feed(samples[position:])
    np.testing.assert_array_equal(stream.finish(), _streamed(samples)[position:])


def test_noise_is_lowered() -> None:
    """White noise by 8 dB and more once the floor is known; blocks alone would give 1 dB."""
    hiss = (0.05 * np.random.default_rng(5).standard_normal(8 * 16_000)).astype(np.float32)
    out = _streamed(hiss)[FROM:]
    assert 10 * np.log10(np.mean(hiss[FROM:] ** 2) / np.mean(out**2)) > 8


def test_silence_stays_silence_and_is_counted() -> None:
    """The library makes NaN of it."""
    assert np.isnan(whole(np.zeros(4096, np.float32), padding=0)).all()
    backend = Noisereduce()
    stream = backend.start(0, NOTHING)
    stream.feed(np.zeros(5 * 16_000, np.float32))
    np.testing.assert_array_equal(stream.finish(), np.zeros(5 * 16_000))
    assert backend.counters["silent_windows"] == -(-5 * 16_000 // SHAPE.hop)


@pytest.mark.parametrize("count", [1, 2, 255, 256, 511, 1023, 1025, 2049])
def test_the_shortest_streams_come_out_whole_and_finite(count: int) -> None:
    """The library refuses less than a frame and drops what is no whole hop."""
    out = _streamed(np.random.default_rng(count).uniform(-1, 1, count).astype(np.float32))
    assert out.shape == (count,)
    assert np.isfinite(out).all()


@pytest.mark.filterwarnings("error")
def test_the_last_sample_of_a_sound_long_ago_makes_no_nan() -> None:
    """It is all that is left in the memory, and no frame of the primer sees it: there is no floor then."""
    before = np.zeros(SHAPE.memory, np.float32)
    window = (0.1 * np.random.default_rng(6).standard_normal(17_000)).astype(np.float32)
    silent = Noisereduce().reduce(window, before)
    before[10] = 0.5
    np.testing.assert_array_equal(Noisereduce().reduce(window, before), silent)
    assert np.isfinite(silent).all()


def test_sound_after_digital_silence_and_before_it_is_finite() -> None:
    burst = np.zeros(14 * 16_000, np.float32)
    burst[3 * 16_000 : 4 * 16_000] = np.random.default_rng(2).uniform(-1, 1, 16_000)
    burst[-1] = 1.0
    out = _streamed(burst, 1600)
    assert np.isfinite(out).all()
    assert len(out) == len(burst)


@pytest.mark.parametrize("snr_db", [0, 10])
def test_with_a_profile_the_stream_follows_the_stationary_mode_on_the_whole_recording(snr_db: float) -> None:
    """To 25 dB at full strength: that mode looks at little more than a frame to either side."""
    samples = _noisy("ls-1255-90413-0001", "car-engine", snr_db)
    profile = samples[:14_000]
    padded = np.pad(samples, (0, -len(samples) % (N_FFT // 4)))
    reference = whole_stationary(padded, profile)[: len(samples)]
    stream = Noisereduce().with_noise(profile).start(0, NOTHING)
    out = []
    for start in range(0, len(samples), 500):
        stream.feed(samples[start : start + 500])
        out.append(stream.take())
    streamed = np.concatenate([*out, stream.finish()])
    assert len(streamed) == len(samples)
    assert _agreement_db(samples, streamed, reference, 1.0) >= 25
    at_once = Noisereduce().with_noise(profile).start(0, NOTHING)
    at_once.feed(samples)
    np.testing.assert_array_equal(at_once.finish(), streamed)


def test_with_a_profile_silence_and_a_short_end_make_no_nan() -> None:
    profile = (0.01 * np.random.default_rng(1).standard_normal(2 * NOISE)).astype(np.float32)
    backend = Noisereduce().with_noise(profile)
    for samples in (np.zeros(20_000, np.float32), profile[:77]):
        stream = backend.start(0, NOTHING)
        stream.feed(samples)
        out = stream.finish()
        assert len(out) == len(samples)
        assert np.isfinite(out).all()
    assert not backend.counters
