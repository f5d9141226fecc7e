"""`Block`: a stretch of one source's samples, as the `raw` and `clean` pipes carry it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heard.wire.codec import WireError, member, pack, take, take_or, unpack

BYTES_PER_SAMPLE = 2


class End(StrEnum):
    """Why a segment ends after a block; `NO` while it goes on."""

    NO = ""
    MUTED = "muted"
    LOST = "lost"
    ENDED = "ended"
    RESTART = "restart"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of one source: mono, s16le, at the working rate.

    Sample numbers count what the input delivered since the run began; they never jump for muted
    time, gaps or the denoiser's delay. Time may jump between blocks (an xrun); `time` says where.

    A *segment* is a stretch that the denoiser and the service may treat as one stream. It ends
    with a block whose `end` says why; that block may be empty.

    `capture` sends a source's blocks in order. When it goes back (a stage restarted and asked for
    a replay) it raises `pass_no`: a stage in the middle then starts anew, takes what lies before
    `wanted` as lead-in for its state, and passes on only what comes from `wanted` on. The last stage
    discards what it has by sample number.
    """

    source: str
    sample: int
    """Number of the first sample."""
    time: float
    """UTC, Unix seconds, at which the first sample was captured."""
    pcm: bytes
    rate_hz: int = 16000
    segment: int = 0
    """Number of the segment, from 0 per source and run."""
    segment_start: int = 0
    """Sample number at which the segment began: the origin of the denoiser's hop grid."""
    follows: int = 0
    """All from here up to `sample` (up to `wanted`, in a lead-in) is done with: sent before this block, or
    settled, or given up. 0 where nothing before is pending: whoever has nothing may begin here."""
    pass_no: int = 0
    wanted: int = 0
    anchor: int = 0
    """Sample at which the last published final ended; the id of the next turn is made from it."""
    end: End = End.NO
    handed: float = 0.0
    """UTC at which `capture` handed the block's last sample to the pipe."""
    denoised: float = 0.0
    """UTC at which `denoise` handed it on; 0 on the raw pipe."""
    numbered_by: str = ""
    """Id of the run that numbers its samples, from which the ids of turns are made. A run that goes on with
    what another one retained keeps the other's; "" is the present run."""

    @property
    def samples(self) -> int:
        """How many samples the block holds."""
        return len(self.pcm) // BYTES_PER_SAMPLE

    @property
    def stop(self) -> int:
        """One past the number of the last sample."""
        return self.sample + self.samples

    def pack(self) -> bytes:
        """Return the block as one frame."""
        return pack({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def unpack(cls, data: bytes) -> Block:
        """Return the block that `data` holds; unknown fields are ignored.

        Raises:
            WireError: the bytes are no block, hold half a sample, or number it below zero.
        """
        body = unpack(data)
        pcm = take(body, "pcm", bytes)
        if len(pcm) % BYTES_PER_SAMPLE:
            raise WireError(f"field 'pcm' holds half a sample ({len(pcm)} bytes)")
        sample = take(body, "sample", int)
        if sample < 0:
            raise WireError(f"field 'sample' must not be negative, not {sample}")
        return cls(
            source=take(body, "source", str),
            sample=sample,
            time=take(body, "time", float),
            pcm=pcm,
            rate_hz=take_or(body, "rate_hz", int, 16000),
            segment=take_or(body, "segment", int, 0),
            segment_start=take_or(body, "segment_start", int, 0),
            follows=take_or(body, "follows", int, sample),
            pass_no=take_or(body, "pass_no", int, 0),
            wanted=take_or(body, "wanted", int, 0),
            anchor=take_or(body, "anchor", int, 0),
            end=member(take_or(body, "end", str, ""), "end", End),
            handed=take_or(body, "handed", float, 0.0),
            denoised=take_or(body, "denoised", float, 0.0),
            numbered_by=take_or(body, "numbered_by", str, ""),
        )
