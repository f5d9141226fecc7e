"""The client's audio: bytes of its encoding and rate in, float samples at the engines' rate out.

The only module that imports soxr.
"""

import numpy as np
import numpy.typing as npt
import soxr

from .engines import RATE_HZ, Samples
from .errors import ClientError
from .messages import INVALID

PCM_S16LE = "pcm_s16le"
PCM_MULAW = "pcm_mulaw"
BYTES_PER_SAMPLE = {PCM_S16LE: 2, PCM_MULAW: 1}


def _mulaw_table() -> Samples:
    """Return the value in [-1, 1] of each byte (ITU-T G.711, table 2a, decoder outputs / 2^15).

    All bits are inverted on the wire; then sign, three bits of exponent, four of mantissa.
    """
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4) & 0x07
    mantissa = (code & 0x0F).astype(np.int32)
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    signed = np.where(code & 0x80, -magnitude, magnitude)
    return (signed / 32768.0).astype(np.float32)


_MULAW = _mulaw_table()


class AudioInput:
    """One session's audio.

    Args:
        encoding: `pcm_s16le` or `pcm_mulaw`.
        rate_hz: of the client; other rates than `RATE_HZ` are resampled, with state kept.
    """

    def __init__(self, *, encoding: str, rate_hz: int) -> None:
        self._sample_bytes = BYTES_PER_SAMPLE[encoding]
        self._mulaw = encoding == PCM_MULAW
        self._rate_hz = rate_hz
        self._received = 0
        self._resampler: soxr.ResampleStream | None = None
        if rate_hz != RATE_HZ:
            self._resampler = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32")

    @property
    def received_s(self) -> float:
        """Seconds of audio decoded so far."""
        return self._received / self._rate_hz

    def duration_ms(self, data: bytes) -> float:
        """Return how long `data` lasts."""
        return len(data) / self._sample_bytes / self._rate_hz * 1000

    def decode(self, data: bytes) -> Samples:
        """Return the samples of `data` at `RATE_HZ`; a resampler holds some back.

        Raises:
            ClientError: 3006, `data` ends within a sample.
        """
        if len(data) % self._sample_bytes:
            raise ClientError(
                INVALID, f"Invalid Message: audio of {len(data)} bytes ends within a 16-bit sample"
            )
        samples: Samples
        if self._mulaw:
            samples = _MULAW[np.frombuffer(data, np.uint8)]
        else:
            pcm: npt.NDArray[np.int16] = np.frombuffer(data, "<i2")
            samples = pcm.astype(np.float32) / np.float32(32768)
        self._received += len(samples)
        return samples if self._resampler is None else self._resampled(samples, last=False)

    def flush(self) -> Samples:
        """Return what the resampler held back; nothing may follow."""
        empty = np.zeros(0, np.float32)
        return empty if self._resampler is None else self._resampled(empty, last=True)

    def _resampled(self, samples: Samples, *, last: bool) -> Samples:
        assert self._resampler is not None
        resampled: Samples = self._resampler.resample_chunk(samples, last=last)
        return resampled
