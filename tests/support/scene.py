"""Speech with silence in it, for the scripted service and for an ear that listens for sound at once.

Half second by half second it is `coded_audio` (a word to the service; to the ear a slow ramp, that is
silence), digital silence, or a tone (loud, and no word).
"""

from array import array
from collections.abc import Callable
from math import pi, sin

from .coded_audio import coded
from .v3_server import RATE_HZ, WORD, turns_of_five

LEAD = 2
"""Words before the tone by which the end of a silence is heard."""


def tone(start: int, count: int) -> bytes:
    """Return a sound that is loud and no word to the scripted service: it never goes below zero."""
    return array(
        "h", (round(9000 + 8000 * sin(2 * pi * 700 * n / RATE_HZ)) for n in range(start, start + count))
    ).tobytes()


class Scene:
    """Speech with digital silence in it, in half seconds: coded words, one of them a tone to be heard by.

    Coded audio is a slow ramp: to the ear that listens for an onset it is silence.
    """

    def __init__(self, *lengths: int) -> None:
        self.kinds: list[Callable[[int, int], bytes]] = []
        self.words: set[int] = set()
        for index, length in enumerate(lengths):
            for slot in range(length):
                at = len(self.kinds)
                if index % 2:
                    self.kinds.append(zeros)
                elif index and slot == LEAD:
                    self.kinds.append(tone)
                else:
                    self.kinds.append(coded)
                    # The service sees the end of a turn only in audio that has numbers.
                    self.words |= {at} if turns_of_five(at) and slot < length - 2 else set()

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.kinds) / 2

    def spoken(self, slot: int) -> bool:
        """Say whether a half second holds a word."""
        return slot in self.words

    def sound(self, start: int, count: int) -> bytes:
        """Return the samples."""
        pcm = b""
        while count:
            slot = start // WORD
            part = min(count, (slot + 1) * WORD - start)
            # Behind its end the scene is silent.
            pcm += (self.kinds[slot] if slot < len(self.kinds) else zeros)(start, part)
            start, count = start + part, count - part
        return pcm


def zeros(_start: int, count: int) -> bytes:
    return bytes(2 * count)
