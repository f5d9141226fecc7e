"""A recording through a setting: what is measured is what the stage would send."""

from __future__ import annotations

import numpy as np
import pytest

from heard.denoise.backend import Samples
from heard.denoise.off import Off, PassThrough
from heard.denoise.registry import Registry
from heard.denoise.stream import Counts, Stream

from .mixes import LOOP, RATE_HZ, Pcm, Setting
from .through import BLOCK, BackendFailedError, denoised


def hiss() -> Pcm:
    """Return 1.7 s, which is no whole number of blocks of anything."""
    pcm = 3000 * np.random.default_rng(1).standard_normal(round(1.7 * RATE_HZ) + 11)
    return np.rint(pcm).astype(np.int16)


@pytest.mark.parametrize("backend", ["gate", "noisereduce"])
def test_a_mix_that_was_not_computed_itself_is_the_same(backend: str) -> None:
    """A backend computes once for all mixes, and each gets what a stream of its own would give."""
    pcm = hiss()
    settings = [Setting(backend, mix) for mix in (1.0, 0.3)]
    found = denoised(pcm, settings, Registry())
    for setting in settings:
        stream = Stream(Registry().get(backend), setting.mix, Counts(), 0, pcm[:0])
        out = []
        for start in range(0, len(pcm), BLOCK):
            stream.feed(pcm[start : start + BLOCK])
            out.append(stream.take().pcm)
        out.append(stream.finish().pcm)
        assert np.array_equal(found[setting].pcm, np.concatenate(out))


def test_every_result_is_as_long_as_the_recording() -> None:
    """The loop drops its last partial block, which is silence here; off changes nothing."""
    pcm = hiss()
    off, loop = Setting("off", 0.0), Setting(LOOP, 1.0)
    found = denoised(pcm, [off, loop], Registry())
    assert np.array_equal(found[off].pcm, pcm)
    assert len(found[loop].pcm) == len(pcm)
    assert not found[loop].pcm[-(len(pcm) % (RATE_HZ // 2)) :].any()


class Broken(Off):
    """A backend that cannot start."""

    def start(self, position: int, context: Samples) -> PassThrough:
        """Refuse."""
        del position, context
        raise RuntimeError("out of order")


def test_a_backend_that_fails_is_not_measured_as_off() -> None:
    """The stream goes on without it; a benchmark must not."""
    with pytest.raises(BackendFailedError, match=r"broken 0\.5: RuntimeError: out of order"):
        denoised(hiss(), [Setting("broken", 0.5)], Registry({"broken": Broken}))
