"""A recording through the stage's own stream."""

import numpy as np
import pytest

from heard.compare.through import BackendFailedError, denoised
from heard.denoise.backend import Samples
from heard.denoise.gate import Gate
from heard.denoise.off import Off, PassThrough

from ...support.corpus import utterance


class Broken(Off):
    """A backend whose streams throw."""

    def start(self, position: int, context: Samples) -> PassThrough:  # noqa: ARG002  # the seam's signature
        """Begin a stream that does."""
        raise RuntimeError("out of tune")


def test_off_and_a_mix_of_0_are_bit_exact() -> None:
    """As they are in the daemon."""
    pcm = utterance("vctk-p226-016").pcm()
    assert np.array_equal(denoised(pcm, Off(), 0).pcm, pcm)
    assert np.array_equal(denoised(pcm, Gate(), 0).pcm, pcm)


def test_as_much_comes_out_as_went_in() -> None:
    """Changed, and its cost is known."""
    pcm = utterance("vctk-p226-016").pcm()[:20_001]
    result = denoised(pcm, Gate(), 1)
    assert len(result.pcm) == len(pcm)
    assert not np.array_equal(result.pcm, pcm)
    assert result.compute_s > 0


def test_a_backend_that_throws_is_no_result() -> None:
    """The daemon goes on without it; a comparison must not."""
    with pytest.raises(BackendFailedError, match="out of tune"):
        denoised(np.zeros(1000, np.int16), Broken(), 1)
