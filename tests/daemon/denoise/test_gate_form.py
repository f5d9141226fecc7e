"""The gate's parameters are the library's."""

import numpy as np
import pytest
from noisereduce.spectralgate.nonstationary import SpectralGateNonStationary

from heard.denoise.gate_form import FAST, QUALITY, Form, reach_frames, triangle
from heard.denoise.gate_rows import box_sums
from heard.settings import WORKING_RATE_HZ


def _librarys(n_fft: int) -> SpectralGateNonStationary:
    """Return the library's gate as its `reduce_noise` sets it up."""
    return SpectralGateNonStationary(
        y=np.zeros(n_fft, np.float32),
        sr=WORKING_RATE_HZ,
        chunk_size=n_fft,
        padding=0,
        n_fft=n_fft,
        win_length=None,
        hop_length=None,
        time_constant_s=2.0,
        freq_mask_smooth_hz=500,
        time_mask_smooth_ms=50,
        thresh_n_mult_nonstationary=2,
        sigmoid_slope_nonstationary=10,
        tmp_folder=None,
        prop_decrease=1.0,
        use_tqdm=False,
        n_jobs=1,
    )


@pytest.mark.parametrize("form", [QUALITY, FAST])
def test_masks_are_smoothed_over_as_many_bins_and_frames_as_the_librarys(form: Form) -> None:
    """Two boxes make its triangle of bins; the triangle of frames is the form's, or what is known of it."""
    smoothing = _librarys(form.n_fft)._smoothing_filter
    impulse = np.zeros((1, 4 * form.box - 3), np.float32)
    impulse[0, 2 * form.box - 2] = 1
    bins = box_sums(box_sums(impulse, form.box), form.box)[0] / form.box**2
    frames = triangle(reach_frames(form.n_fft))
    np.testing.assert_allclose(np.outer(bins, frames), smoothing, atol=1e-7)
    assert len(form.weights) - 1 - form.future == reach_frames(form.n_fft)


def test_the_quality_form_has_all_of_the_librarys_weights() -> None:
    assert QUALITY.weights == triangle(3)
    assert sum(QUALITY.weights) == pytest.approx(1)


@pytest.mark.parametrize("form", [QUALITY, FAST])
def test_sizes_follow_from_the_frame(form: Form) -> None:
    assert (form.hop, form.bins) == (form.n_fft // 4, form.n_fft // 2 + 1)
    # With t, the time constant in hops, the library's square root is the solution of t² b² + b = 1.
    frames = 2.0 * WORKING_RATE_HZ / form.hop
    assert form.smoothing**2 * frames**2 + form.smoothing == pytest.approx(1)
