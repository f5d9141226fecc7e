"""Bytes of the client into samples."""

import numpy as np
import pytest

from heard.recognizer.audio import AudioInput
from heard.recognizer.errors import ClientError


def test_s16le_is_scaled_to_one() -> None:
    """-32768 is -1; the time received is counted."""
    audio = AudioInput(encoding="pcm_s16le", rate_hz=16_000)
    samples = audio.decode(np.array([-32768, 0, 16384], "<i2").tobytes())
    assert samples.dtype == np.float32
    assert samples.tolist() == [-1.0, 0.0, 0.5]
    assert audio.received_s == 3 / 16_000
    assert audio.flush().size == 0


def test_a_half_sample_is_refused() -> None:
    """An odd number of bytes would turn all that follows into noise."""
    audio = AudioInput(encoding="pcm_s16le", rate_hz=16_000)
    with pytest.raises(ClientError, match="1601 bytes") as caught:
        audio.decode(b"\0" * 1601)
    assert caught.value.code == 3006


def test_mulaw_follows_g711() -> None:
    """Values of G.711 scaled to 16 bits: both zeros, the smallest steps, both ends."""
    audio = AudioInput(encoding="pcm_mulaw", rate_hz=16_000)
    samples = audio.decode(bytes([0xFF, 0x7F, 0xFE, 0xF0, 0x80, 0x00])) * 32768
    assert samples.tolist() == [0, 0, 8, 120, 32124, -32124]


def test_durations_follow_encoding_and_rate() -> None:
    """Two bytes a sample, or one."""
    assert AudioInput(encoding="pcm_s16le", rate_hz=16_000).duration_ms(b"\0" * 1600) == 50
    assert AudioInput(encoding="pcm_mulaw", rate_hz=8_000).duration_ms(b"\0" * 400) == 50


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled_as_one_stream(rate_hz: int) -> None:
    """A tone sent in pieces comes out as the same tone at 16 kHz, with the same length and no seams."""
    seconds = 1.0
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    tone = (np.sin(2 * np.pi * 440 * times) * 20_000).astype("<i2")
    audio = AudioInput(encoding="pcm_s16le", rate_hz=rate_hz)
    piece = rate_hz // 17
    pieces = [audio.decode(tone[at : at + piece].tobytes()) for at in range(0, len(tone), piece)]
    resampled = np.concatenate([*pieces, audio.flush()])
    assert abs(len(resampled) - 16_000) <= 1
    wanted = np.sin(2 * np.pi * 440 * np.arange(len(resampled)) / 16_000) * 20_000 / 32_768
    assert np.abs(resampled - wanted)[400:-400].max() < 0.01
    assert audio.received_s == seconds
