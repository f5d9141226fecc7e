"""What a session wants done, and what it learns; times are numbers of captured samples."""

from __future__ import annotations

from dataclasses import dataclass

from heard.upstream.backoff import Failure
from heard.upstream.messages import SpeakerRevision, Turn


@dataclass(frozen=True, slots=True)
class SendText:
    """Send this text frame."""

    text: str


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Send this binary frame: s16le, 50 to 1000 ms."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class SendPing:
    """Send a ping frame."""


@dataclass(frozen=True, slots=True)
class Close:
    """Send what waits, then a close frame (1000)."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Drop the connection at once: nobody is there to answer a close frame."""


Action = SendText | SendAudio | SendPing | Close | Abort


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word; `start` and `end` are numbers of captured samples."""

    text: str
    start: int
    end: int
    confidence: float
    final: bool
    speaker: str | None


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """What is said in a turn, so far or (`final`) for good."""

    order: int
    final: bool
    turn: Turn
    words: tuple[HeardWord, ...]
    received_at: float
    """Monotonic seconds at which the message came."""


@dataclass(frozen=True, slots=True)
class Began:
    """The service accepted the session."""

    session_id: str
    expires_at: float | None
    """Unix seconds."""
    model: str | None


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Speech began at this captured sample."""

    onset: int


@dataclass(frozen=True, slots=True)
class SilentThrough:
    """Nothing was being said up to this captured sample."""

    stop: int


@dataclass(frozen=True, slots=True)
class ReceivedThrough:
    """The service has every sample sent up to this captured one."""

    through: int


@dataclass(frozen=True, slots=True)
class Warned:
    """The service warns; the session goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Terminated:
    """The service has processed all that was sent, and is done: the orderly end."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The session is over, without an orderly end."""

    failure: Failure


Happening = (
    Began
    | HeardTurn
    | SpeakerRevision
    | SpeechBegan
    | SilentThrough
    | ReceivedThrough
    | Warned
    | Terminated
    | Failed
)
