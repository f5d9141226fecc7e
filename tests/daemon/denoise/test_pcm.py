"""16-bit samples to floating point and back."""

import numpy as np

from heard.denoise.pcm import to_float, to_pcm


def test_every_sample_value_survives_the_way_there_and_back() -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    back, clipped = to_pcm(to_float(every))
    np.testing.assert_array_equal(back, every)
    assert clipped == 0


def test_what_passes_full_scale_is_clipped_and_counted_never_wrapped() -> None:
    loud = np.array([1.0, 1.7, -1.0, -1.5, 40000.0, 0.99999], np.float32)
    pcm, clipped = to_pcm(loud)
    assert pcm.tolist() == [32767, 32767, -32768, -32768, 32767, 32767]
    # 0.99999 rounds to 32768, one too many.
    assert clipped == 5


def test_samples_are_rounded_to_the_nearest() -> None:
    pcm, _ = to_pcm(np.array([0.4 / 32768, 0.6 / 32768, -0.6 / 32768], np.float32))
    assert pcm.tolist() == [0, 1, -1]
