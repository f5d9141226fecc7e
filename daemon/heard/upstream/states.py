"""Core: the states of a v3 session as a table, and what leads from one to the next.

    connecting ─connected─▶ open ─begin─▶ live ─terminate─▶ draining ─termination─▶ closed
         │                   │             │                   │                       ▲
         └───────────────────┴──lost, abandon, a deadline──────┴───────────────────────┘

What the table does not allow is our own mistake; `Limits` are the deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a session stands."""

    CONNECTING = "connecting"
    OPEN = "open"
    """The socket is open; no Begin yet."""
    LIVE = "live"
    DRAINING = "draining"
    """Terminate is sent; the last words are awaited."""
    CLOSED = "closed"


class Input(StrEnum):
    """What can happen to a session."""

    CONNECTED = "connected"
    BEGIN = "begin"
    MESSAGE = "message"
    """Any server message but Begin and Termination."""
    TERMINATION = "termination"
    PONG = "pong"
    LOST = "lost"
    AUDIO = "audio"
    CONFIGURE = "configure"
    ENDPOINT = "endpoint"
    TERMINATE = "terminate"
    ABANDON = "abandon"
    TICK = "tick"


TRANSITIONS: dict[State, dict[Input, State]] = {
    State.CONNECTING: {
        Input.CONNECTED: State.OPEN,
        Input.LOST: State.CLOSED,
        Input.ABANDON: State.CLOSED,
        Input.TICK: State.CONNECTING,
    },
    State.OPEN: {
        Input.BEGIN: State.LIVE,
        Input.MESSAGE: State.OPEN,
        Input.TERMINATION: State.CLOSED,
        Input.PONG: State.OPEN,
        Input.LOST: State.CLOSED,
        Input.ABANDON: State.CLOSED,
        Input.TICK: State.OPEN,
    },
    State.LIVE: {
        Input.BEGIN: State.LIVE,
        Input.MESSAGE: State.LIVE,
        Input.TERMINATION: State.CLOSED,
        Input.PONG: State.LIVE,
        Input.AUDIO: State.LIVE,
        Input.CONFIGURE: State.LIVE,
        Input.ENDPOINT: State.LIVE,
        Input.TERMINATE: State.DRAINING,
        Input.LOST: State.CLOSED,
        Input.ABANDON: State.CLOSED,
        Input.TICK: State.LIVE,
    },
    State.DRAINING: {
        Input.BEGIN: State.DRAINING,
        Input.MESSAGE: State.DRAINING,
        Input.TERMINATION: State.CLOSED,
        Input.PONG: State.DRAINING,
        Input.LOST: State.CLOSED,
        Input.ABANDON: State.CLOSED,
        Input.TICK: State.DRAINING,
    },
    State.CLOSED: {Input.TICK: State.CLOSED},
}
"""What is allowed, and where it leads; a deadline that passes within TICK leads to CLOSED."""


class LocalProtocolError(Exception):
    """We did what the session's state, or the protocol's frame rules, do not allow: a bug in heard."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait for what, in seconds."""

    connect_s: float = 10.0
    begin_s: float = 10.0
    drain_s: float = 6.0
    ping_s: float = 3.0
    pong_s: float = 5.0
    """Nothing at all heard for so long after a ping: the peer is dead."""
