"""The bench of thresholds: what it calls the library's own is that."""

import json
from dataclasses import asdict
from pathlib import Path

import noisereduce
import numpy as np

from heard.compare.grid import OFF, Setting
from heard.denoise.pcm import Pcm, to_float

from .recognition.mixes import Mix
from .recognition.outcome import Outcome
from .threshold import SETTINGS, beside_streams, denoised, streamed

RATE_HZ = 16_000


def hiss(seconds: float) -> Pcm:
    samples = 3000 * np.random.default_rng(2).standard_normal(round(seconds * RATE_HZ))
    return np.rint(samples).astype(np.int16)


def test_every_setting_gives_as_much_as_it_was_given() -> None:
    """Whole hops or not; off changes nothing."""
    pcm = hiss(1.01)
    assert all(len(denoised(pcm, each)) == len(pcm) for each in SETTINGS)
    assert np.array_equal(denoised(pcm, OFF), pcm)


def test_the_librarys_own_threshold_is_its_default() -> None:
    """Where nothing is said of it the library comes to the same."""
    pcm = hiss(2)
    reduced = noisereduce.reduce_noise(
        y=to_float(pcm), sr=RATE_HZ, stationary=False, n_fft=1024, padding=0, prop_decrease=0.3, n_jobs=1
    )
    found = to_float(denoised(pcm, Setting("library", 0.3)))
    assert abs(found[: len(reduced)] - reduced).max() < 1e-4


def test_the_stream_is_put_beside_the_library(tmp_path: Path) -> None:
    """Mix by mix of what another bench kept; other mixes, engines and settings are left out."""
    mixes = [Mix("development", f"u{number}", "rain", 5, 1) for number in range(2)]
    library, stream = Setting("library", 0.3), Setting("noisereduce", 0.3)
    lines = []
    for mix, engine, errors in (
        (mixes[0], "tiny", 3),
        (mixes[1], "large", 9),
        (Mix("", "x", "", None, 1), "tiny", 9),
    ):
        key = {"mix": asdict(mix), "setting": asdict(stream), "engine": engine, "version": "v"}
        lines.append(json.dumps({"key": json.dumps(key), "outcome": {"errors": errors}}))
    (tmp_path / "results.jsonl").write_text("\n\n".join(lines))
    errors_of = streamed(tmp_path, "tiny", mixes)
    assert errors_of == {mixes[0]: {stream: 3}}
    heard = {mix: {library: Outcome("", 1, 1, 20, 1.0, 0.0, None)} for mix in mixes}
    table = beside_streams(heard, errors_of)
    assert table.splitlines()[2:] == ["| noisereduce 0.3 | 0 to 10 dB | 1 | 20 | +10.0 [+10.0, +10.0] |"]


def test_silence_stays_silence() -> None:
    """The library makes NaN of it."""
    assert not denoised(np.zeros(RATE_HZ, np.int16), Setting("library-1", 0.3)).any()


def test_the_adaptive_mix_does_nothing_before_it_knows_the_noise() -> None:
    """And the same as the other, for steady noise, from then on."""
    pcm = hiss(8)
    adaptive = denoised(pcm, Setting("library", 0.3, adaptive=True))
    assert np.array_equal(adaptive[: 2 * RATE_HZ], pcm[: 2 * RATE_HZ])
    fixed = denoised(pcm, Setting("library", 0.3))
    assert np.abs(adaptive[-RATE_HZ:].astype(int) - fixed[-RATE_HZ:]).max() <= 1
