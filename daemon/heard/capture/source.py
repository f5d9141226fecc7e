"""What an input is to its station: something that is started, read without waiting, and stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from heard.capture.record import Place
from heard.capture.ring import Samples


@dataclass(frozen=True, slots=True)
class Now:
    """One moment on both clocks: `mono` for measuring, `utc` (Unix seconds) for telling."""

    mono: float
    utc: float


@dataclass(frozen=True, slots=True)
class Heard:
    """Samples from an input, int16 mono at the working rate.

    `time`: UTC of the first. `lost_s`: seconds of audio that are missing right before it (an xrun).
    """

    pcm: Samples
    time: float
    lost_s: float = 0.0


class Input(Protocol):
    """One input. No method waits; one thread calls them."""

    @property
    def label(self) -> str:
        """Name of the device or file, for people."""

    @property
    def opened(self) -> str:
        """The own name of the device that was opened last; "" where there is none."""

    @property
    def rate_hz(self) -> int:
        """The input's own rate; 0 while unknown."""

    @property
    def goes_on(self) -> bool:
        """Whether the sound goes on while nobody reads it, as a device's does."""

    @property
    def kind(self) -> Literal["input", "monitor"]:
        """Whether it is what an output plays; then silence is nothing unusual."""

    @property
    def opening(self) -> bool:
        """Whether it was started and neither delivered nor failed yet."""

    @property
    def ended(self) -> bool:
        """Whether its end was read: nothing will ever come again."""

    @property
    def clipped(self) -> int:
        """Samples so far that did not fit 16 bits or were no number."""

    @property
    def place(self) -> Place:
        """Where to go on after a restart of this process; means nothing for an input that `goes_on`."""

    def start(self, now: Now) -> None:
        """Begin to deliver from `now` on, or where a predecessor left off."""

    def read(self, now: Now, room: int) -> list[Heard]:
        """Return what has been heard; `room` bounds the samples of an input that can wait.

        Raises:
            InputLostError: it is gone. It must be stopped, and may be started again.
        """

    def skip(self, now: Now) -> None:
        """Let time pass unheard while it is stopped: what is spoken now is never delivered."""

    def stop(self) -> None:
        """Stop delivering and let go of the device at once; never fails."""


class Exhausted:
    """An input whose end was read before this process started, or that cannot be read any more."""

    rate_hz = 0
    opened = ""
    kind: Literal["input", "monitor"] = "input"
    goes_on = False
    opening = False
    ended = True
    clipped = 0
    place = Place()

    def __init__(self, label: str) -> None:
        self.label = label

    def start(self, now: Now) -> None:
        """Do nothing."""

    def read(self, now: Now, room: int) -> list[Heard]:  # noqa: ARG002  # there is nothing
        """Return nothing."""
        return []

    def skip(self, now: Now) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""
