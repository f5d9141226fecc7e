"""What a line needs to know, and what it does to the world."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from heard.upstream.happenings import Action
from heard.upstream.states import Limits
from heard.upstream.terms import Terms
from heard.wire.events import Event
from heard.wire.positions import Position


@dataclass(frozen=True, slots=True)
class LineConfig:
    """One source's line."""

    source: str
    run: str
    service: str
    terms: Terms
    rate_hz: int
    frame_ms: int
    retention_s: float
    rotate_before_s: float
    idle_close_s: float
    """A session is closed after so long without speech; 0: never."""
    partials: bool
    live_first_s: float | None
    """After an outage with so long a backlog, live audio comes first; None: all in order."""
    start_s: float
    """The service may take so long to come up at first: no outage until then."""
    pace: float | None
    """Times real time at most; None: as fast as the service takes it."""
    beside_s: float | None
    """While audio waits, so often another attempt is made beside one that hangs; None: never."""
    limits: Limits = field(default_factory=Limits)

    @property
    def frame(self) -> int:
        """Samples in a frame."""
        return self.rate_hz * self.frame_ms // 1000

    def samples(self, seconds: float) -> int:
        """Return how many samples so many seconds are."""
        return round(seconds * self.rate_hz)


class Port(Protocol):
    """The shell, as a line sees it."""

    def open(self, source: str, number: int, query: str) -> None:
        """Begin to connect; the line is told what comes of it under `number`."""

    def perform(self, number: int, action: Action) -> None:
        """Do what a session asks."""

    def has_room(self, number: int) -> bool:
        """Whether the connection takes more audio without piling it up."""

    def keep(self, event: Event) -> None:
        """Publish an event that matters."""

    def offer(self, event: Event) -> None:
        """Publish an event that may be lost."""

    def position(self, position: Position) -> None:
        """Tell `capture`."""
