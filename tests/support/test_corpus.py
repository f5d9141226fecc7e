import hashlib

import numpy as np
import pytest

from . import corpus, mixing


def test_every_recording_is_the_one_that_the_manifest_names() -> None:
    """Samples, length and rate agree with the manifest; speech has a transcript."""
    recordings = [*corpus.utterances(), *corpus.noises()]
    on_disk = {path.relative_to(corpus.DATA) for path in corpus.DATA.rglob("*.flac")}
    assert {entry.path.relative_to(corpus.DATA) for entry in recordings} == on_disk
    for entry in recordings:
        pcm = entry.pcm()
        assert hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest() == entry.sha256
        assert len(pcm) / corpus.RATE_HZ == pytest.approx(entry.duration_s, abs=0.006)
        assert np.array_equal(entry.samples() * 32768, pcm)
    assert all(entry.transcript for entry in corpus.utterances())


def test_the_readme_credits_every_recording() -> None:
    """A file that is added without saying whose it is fails here."""
    readme = (corpus.DATA / "README.md").read_text(encoding="utf-8")
    uncredited = [
        entry.name for entry in [*corpus.utterances(), *corpus.noises()] if f"`{entry.name}`" not in readme
    ]
    assert uncredited == []


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0])
def test_a_mixture_has_the_ratio_asked_for(snr_db: float) -> None:
    """Active speech over the noise under it, and the parts add up to the whole."""
    speech = corpus.utterance("vctk-p225-011").samples()
    mixture = mixing.mix(speech, corpus.noise("train-interior").samples(), snr_db=snr_db, seed=3, tail_s=4.0)
    under = slice(mixture.lead_in, mixture.lead_in + len(speech))
    ratio = mixing.active_power(mixture.clean[under]) / np.mean(mixture.noise[under] ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=0.01)
    assert np.array_equal(mixture.clean + mixture.noise, mixture.noisy)
    assert len(mixture.noisy) == len(speech) + 5 * corpus.RATE_HZ


def test_equal_seeds_give_equal_samples_and_others_do_not() -> None:
    """The seed chooses the stretch of noise; golden figures pin the method."""
    speech = corpus.utterance("arctic-aew-a0003").samples()
    noise = corpus.noise("babble-cafe").samples()
    first, again, other = (mixing.mix(speech, noise, snr_db=5.0, seed=seed).noisy for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.std() == pytest.approx(0.105776, rel=1e-4)


def test_silence_is_refused() -> None:
    """There is no ratio to silence."""
    voice = corpus.utterance("arctic-aew-a0003").samples()
    with pytest.raises(ValueError, match="speech is silent"):
        mixing.mix(np.zeros(16_000), voice, snr_db=0.0)
    with pytest.raises(ValueError, match="noise is silent"):
        mixing.mix(voice, np.zeros(16_000), snr_db=0.0)
    with pytest.raises(ValueError, match="shorter than one 20 ms frame"):
        mixing.mix(voice[:100], voice, snr_db=0.0)
