"""Core: a session's milliseconds as captured samples.

The service counts the audio sent in the session from its first sample; what was skipped is missing
from its times. So each stretch that was sent is noted with the captured sample at which it starts.
"""

from __future__ import annotations

from bisect import bisect_right


class Timeline:
    """Sample n of a session against the samples of the capture. Session samples count from 0."""

    def __init__(self, rate_hz: int) -> None:
        self._per_ms = rate_hz / 1000
        self._session: list[int] = []
        self._captured: list[int] = []
        self.sent = 0
        """Session samples sent, padding included."""

    def append(self, captured: int, samples: int) -> None:
        """Note that `samples` from captured sample `captured` on were sent next."""
        if not self._session or captured != self._captured[-1] + self.sent - self._session[-1]:
            self._session.append(self.sent)
            self._captured.append(captured)
        self.sent += samples

    def pad(self, samples: int) -> None:
        """Note that zeros were sent, which were never captured."""
        self.sent += samples

    def start(self, session_ms: int) -> int:
        """Return the captured sample at which what starts at `session_ms` starts."""
        return self._captured_at(min(round(session_ms * self._per_ms), self.sent))

    def end(self, session_ms: int) -> int:
        """Return one past the captured sample with which what ends at `session_ms` ends.

        At a seam that is the end of what came before it, not the start of what follows.
        """
        position = min(round(session_ms * self._per_ms), self.sent)
        return self._captured_at(position - 1) + 1 if position > 0 else self._captured_at(0)

    def _captured_at(self, position: int) -> int:
        if not self._session:
            return 0
        index = max(0, bisect_right(self._session, position) - 1)
        return self._captured[index] + position - self._session[index]
