"""Where sound begins, on real recordings: no first word is missed, steady noise is no sound."""

import numpy as np
import numpy.typing as npt
import pytest

from heard.upstream.onset import Onset
from heard.upstream.rest import PREROLL_S

from ...support.corpus import noises, utterances
from ...support.mixing import active, mix

RATE_HZ = 16000
BLOCK = 320
SNR_DB = 10.0
LEAD_IN_S = 11.0
"""Noise alone, longer than what the detector remembers."""

Pcm = npt.NDArray[np.int16]


def pcm_of(samples: npt.NDArray[np.float64]) -> Pcm:
    """Return samples in [-1, 1] as int16."""
    return np.asarray(np.clip(np.round(samples * 32767), -32768, 32767), np.int16)


def sounds(pcm: Pcm, first: int = 0) -> list[tuple[int, int]]:
    """Return (where it was found, where it begins) of every sound, as blocks of 20 ms come in."""
    onset, found = Onset(RATE_HZ), []
    for at in range(0, len(pcm), BLOCK):
        before = onset.newest
        onset.push(first + at, pcm[at : at + BLOCK].tobytes())
        if onset.newest is not None and onset.newest != before:
            found.append((min(at + BLOCK, len(pcm)), onset.newest - first))
    return found


def looped(samples: npt.NDArray[np.float64], seconds: float) -> Pcm:
    """Return a noise repeated to a length."""
    return pcm_of(np.resize(samples, round(seconds * RATE_HZ)))


def white(seconds: float, level: float = 0.05) -> npt.NDArray[np.float64]:
    return np.random.default_rng(1).standard_normal(round(seconds * RATE_HZ)) * level


@pytest.mark.parametrize("noise", [*(noise.name for noise in noises()), "white"])
def test_no_first_word_is_missed_in_noise(noise: str) -> None:
    """At 10 dB a sound is found so soon that the session begins before the first word does."""
    bed = white(20) if noise == "white" else next(n for n in noises() if n.name == noise).samples()
    for speech in utterances()[::3]:
        said = speech.samples()
        mixture = mix(said, bed, snr_db=SNR_DB, seed=3, lead_in_s=LEAD_IN_S)
        begins = mixture.lead_in + int(np.flatnonzero(active(said))[0])
        hits = [start for _, start in sounds(pcm_of(mixture.noisy)) if start >= begins - RATE_HZ // 3]
        assert hits, f"{speech.name} in {noise} is never found"
        assert hits[0] - PREROLL_S * RATE_HZ <= begins, f"{speech.name} in {noise} is found late"


def test_speech_after_digital_silence_is_found_at_once() -> None:
    """Nothing but zeros before: found within a third of a second of where the voice begins."""
    for speech in utterances():
        said = speech.samples()
        begins = int(np.flatnonzero(active(said))[0])
        found = sounds(pcm_of(np.concatenate([np.zeros(2 * RATE_HZ), said])))
        assert found[0][0] <= 2 * RATE_HZ + begins + RATE_HZ // 3, speech.name


@pytest.mark.parametrize("noise", ["car-engine", "train-interior"])
def test_steady_noise_is_no_sound(noise: str) -> None:
    """A car, a train: two minutes, and once it is known no session would be opened."""
    bed = next(n for n in noises() if n.name == noise).samples()
    assert [at for at, _ in sounds(looped(bed, 120)) if at > 10 * RATE_HZ] == []


def test_white_noise_and_silence_are_no_sound() -> None:
    """Nor are a hiss of any level, zeros, or dither of one step."""
    dither = np.random.default_rng(2).integers(-1, 2, 20 * RATE_HZ).astype(np.int16)
    for pcm in (pcm_of(white(20)), pcm_of(white(20, 0.001)), np.zeros(20 * RATE_HZ, np.int16), dither):
        assert sounds(pcm) == []


def test_a_noise_that_begins_is_known_after_a_while() -> None:
    """A fan is switched on: an alarm at first, and none any more once it is the room's noise."""
    quiet, fan = white(10, 0.001), white(30, 0.02)
    found = [at / RATE_HZ for at, _ in sounds(pcm_of(np.concatenate([quiet, fan])))]
    assert found[0] < 10.2
    assert found[-1] < 20


def test_blocks_of_any_length_and_holes_make_no_difference() -> None:
    """Sample numbers are those of the blocks; a stretch does not reach over a hole."""
    speech = pcm_of(np.concatenate([white(3, 0.001), utterances()[0].samples()]))
    whole = sounds(speech)
    onset = Onset(RATE_HZ)
    rng = np.random.default_rng(5)
    at = 0
    while at < len(speech):
        step = int(rng.integers(0, 2000))
        onset.push(at, speech[at : at + step].tobytes())
        at += step
    assert onset.newest == whole[-1][1]
    onset.push(10_000_000, b"\x00\x40\x00\xc0" * 800)
    assert onset.newest == whole[-1][1], "a twentieth of a second behind a hole is no stretch"
