"""Core: where a stretch of audio is quietest, to cut it there."""

from __future__ import annotations

from array import array

STRIDE = 8
"""Every eighth sample is looked at: enough to find a pause, and a hundred times what it costs to wait."""


def quietest(pcm: bytes, window: int) -> int:
    """Return the sample in the middle of the `window` samples with the least sound; s16le, mono.

    Of equals the last one counts. Audio shorter than the window is cut at its end.
    """
    samples = array("h", pcm)
    if len(samples) < window:
        return len(samples)
    hop = max(STRIDE, window // 4)
    best, least = len(samples), float("inf")
    for start in range(0, len(samples) - window + 1, hop):
        sound = sum(abs(value) for value in samples[start : start + window : STRIDE])
        if sound <= least:
            best, least = start + window // 2, sound
    return best
