"""A recording through the stage's own stream."""

import numpy as np
import pytest

from heard.compare.grid import OFF, Setting
from heard.compare.through import BLOCK, BackendFailedError, Through
from heard.denoise.backend import Samples
from heard.denoise.off import Off, PassThrough
from heard.denoise.pcm import Pcm
from heard.denoise.registry import Registry
from heard.denoise.stream import Counts, Stream

from ...support.corpus import utterance

RATE_HZ = 16_000


class Broken(Off):
    """A backend whose streams throw."""

    def start(self, position: int, context: Samples) -> PassThrough:  # noqa: ARG002  # the seam's signature
        """Begin a stream that does."""
        raise RuntimeError("out of tune")


def hiss() -> Pcm:
    """Return 3.7 s, which is no whole number of blocks of anything."""
    pcm = 3000 * np.random.default_rng(1).standard_normal(round(3.7 * RATE_HZ) + 11)
    return np.rint(pcm).astype(np.int16)


def streamed(pcm: Pcm, setting: Setting) -> Pcm:
    """Return what a stream of its own makes of it."""
    stream = Stream(
        Registry().get(setting.backend), setting.mix, Counts(), 0, pcm[:0], adaptive=setting.adaptive
    )
    out = []
    for start in range(0, len(pcm), BLOCK):
        stream.feed(pcm[start : start + BLOCK])
        out.append(stream.take().pcm)
    out.append(stream.finish().pcm)
    return np.concatenate(out)


def test_off_and_a_mix_of_0_are_bit_exact() -> None:
    """As they are in the daemon."""
    pcm = utterance("vctk-p226-016").pcm()
    through = Through(pcm, Registry())
    assert np.array_equal(through.denoised(OFF).pcm, pcm)
    assert np.array_equal(through.denoised(Setting("gate", 0)).pcm, pcm)


def test_as_much_comes_out_as_went_in() -> None:
    """Changed, and its cost is known."""
    pcm = utterance("vctk-p226-016").pcm()[:20_001]
    result = Through(pcm, Registry()).denoised(Setting("gate", 1))
    assert len(result.pcm) == len(pcm)
    assert not np.array_equal(result.pcm, pcm)
    assert result.compute_s > 0


@pytest.mark.parametrize("backend", ["gate", "noisereduce"])
def test_a_mix_that_was_not_computed_itself_is_the_same(backend: str) -> None:
    """A backend computes once for all mixes, and each gets what a stream of its own would give."""
    pcm = hiss()
    through = Through(pcm, Registry())
    for setting in (Setting(backend, 1.0), Setting(backend, 0.3), Setting(backend, 0.3, adaptive=True)):
        assert np.array_equal(through.denoised(setting).pcm, streamed(pcm, setting)), setting.name


def test_a_mix_that_adapts_leaves_clean_speech_alone() -> None:
    """In noise it is the same as one that does not, once it knows."""
    clean = np.tile(utterance("vctk-p226-016").pcm(), 3)
    through = Through(clean, Registry())
    adaptive = through.denoised(Setting("gate", 1.0, adaptive=True)).pcm
    fixed = through.denoised(Setting("gate", 1.0)).pcm

    def changed(pcm: Pcm) -> float:
        return float(np.mean((pcm.astype(float) - clean) ** 2))

    assert changed(adaptive) < changed(fixed) / 10


def test_a_backend_that_throws_is_no_result() -> None:
    """The daemon goes on without it; a comparison must not."""
    through = Through(np.zeros(1000, np.int16), Registry({"broken": Broken}))
    with pytest.raises(BackendFailedError, match=r"broken 0\.5: RuntimeError: out of tune"):
        through.denoised(Setting("broken", 0.5))
