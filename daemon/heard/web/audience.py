"""Core: who looks at the page, and what each is still to be sent.

A viewer that is slow is sent less: meters, the open turn and the status are replaced by newer ones, the
oldest columns of a spectrogram go first, and finals only go together with the viewer, whose browser comes
back and is given the newest ones again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from heard.web import views
from heard_client import (
    Final,
    Gap,
    Level,
    Message,
    Missed,
    Partial,
    Revised,
    SourceEvent,
    Spectrum,
    StatusMessage,
    UpstreamEvent,
)

PAST_FINALS = 300
"""Turns that a new viewer is given, and that the page keeps."""
PAST_HAPPENINGS = 50
WAITING_FINALS = 300
"""A viewer with more of them waiting is sent away."""
WAITING_SPECTRA = 60
"""Columns that wait for a viewer: 3 s of one source."""
VIEWERS = 32


class FullError(Exception):
    """There are as many viewers as there may be."""


class Viewer:
    """One open page. `wake` is called when there is something to send."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._kept: deque[bytes] = deque()
        self._newest: dict[str, bytes] = {}
        self._spectra: deque[bytes] = deque()
        self.dropped = 0
        """Columns of spectrograms that it was too slow for."""
        self.ended = False
        """It is to be sent no more: it was too slow for the finals, or the page closes."""

    def keep(self, event: bytes) -> None:
        """Have an event sent, whatever else is dropped."""
        if len(self._kept) >= WAITING_FINALS:
            self.end()
            return
        self._kept.append(event)
        self._wake()

    def newest(self, subject: str, event: bytes) -> None:
        """Have an event sent, unless a newer one about the same subject comes before that."""
        self._newest[subject] = event
        self._wake()

    def forget(self, subject: str) -> None:
        """Have nothing more sent about a subject."""
        self._newest.pop(subject, None)

    def spectrum(self, event: bytes) -> None:
        """Have a column sent, unless too many wait."""
        if len(self._spectra) >= WAITING_SPECTRA:
            self._spectra.popleft()
            self.dropped += 1
        self._spectra.append(event)
        self._wake()

    def end(self) -> None:
        """Send it away."""
        self.ended = True
        self._wake()

    def take(self) -> bytes:
        """Return all that is to be sent now; empty where nothing is."""
        parts = [*self._kept, *self._newest.values(), *self._spectra]
        self._kept.clear()
        self._newest.clear()
        self._spectra.clear()
        return b"".join(parts)


class Audience:
    """All viewers, and what a new one is given first."""

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self.unreadable = 0
        """Messages with a number in them that JSON does not have."""
        self._finals: dict[str, bytes] = {}
        self._happenings: deque[bytes] = deque(maxlen=PAST_HAPPENINGS)
        self._newest: dict[str, bytes] = {}

    def join(self, wake: Callable[[], None]) -> Viewer:
        """Add a viewer, with all that it needs to begin.

        Raises:
            FullError: there are VIEWERS already.
        """
        if len(self.viewers) >= VIEWERS:
            raise FullError(f"{VIEWERS} pages are open, and more are not served: close one")
        viewer = Viewer(wake)
        past = b"".join([*self._finals.values(), *self._happenings])
        viewer.keep(past + views.event("now", {}))
        for subject, event in self._newest.items():
            viewer.newest(subject, event)
        self.viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer."""
        self.viewers.discard(viewer)

    def end(self) -> None:
        """Send all away."""
        for viewer in self.viewers:
            viewer.end()

    def tell(self, message: Message) -> None:
        """Show a message of the daemon to all."""
        try:
            self._tell(message)
        except ValueError:
            self.unreadable += 1

    def tell_link(self, *, up: bool, reason: str) -> None:
        """Show whether the daemon is there, and if not, why."""
        if not up:
            for subject in [each for each in self._newest if each.partition(" ")[0] in ("partial", "level")]:
                self._forget(subject)
        self._replace("link", views.event("link", {"up": up, "reason": reason}))

    def tell_missed(self, missed: Missed, now: float) -> None:
        """Show that turns cannot be had any more."""
        self._happened(views.event("happening", views.missed(missed, now)))

    def _tell(self, message: Message) -> None:
        match message:
            case Final() | Revised():
                self._final(message)
            case Partial():
                self._replace(f"partial {message.source}", views.event("partial", views.transcript(message)))
            case Level():
                self._replace(f"level {message.source}", views.event("level", views.level(message)))
            case Spectrum():
                column = views.event("spectrum", views.spectrum(message))
                for viewer in self.viewers:
                    viewer.spectrum(column)
            case StatusMessage():
                self._replace("status", views.event("status", views.status(message.status)))
            case SourceEvent() | UpstreamEvent() | Gap():
                self._happened(views.event("happening", views.happening(message)))
            case _:
                pass

    def _happened(self, happening: bytes) -> None:
        self._happenings.append(happening)
        for viewer in self.viewers:
            viewer.keep(happening)

    def _final(self, message: Final | Revised) -> None:
        final = views.event("final", views.transcript(message))
        # A correction stands where the turn stood.
        self._finals[message.turn_id] = final
        if len(self._finals) > PAST_FINALS:
            del self._finals[next(iter(self._finals))]
        self._forget(f"partial {message.source}")
        for viewer in self.viewers:
            viewer.keep(final)

    def _replace(self, subject: str, event: bytes) -> None:
        self._newest[subject] = event
        for viewer in self.viewers:
            viewer.newest(subject, event)

    def _forget(self, subject: str) -> None:
        self._newest.pop(subject, None)
        for viewer in self.viewers:
            viewer.forget(subject)
