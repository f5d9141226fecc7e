"""Read heard's transcripts and control the daemon; needs pyzmq and msgpack, nothing else.

- `Subscriber`: what the daemon publishes, as typed messages; every final exactly once and in order
- `Control`: ask the daemon, tell it what to do
- `connect`: both at once
- `AsyncSubscriber`, `AsyncControl`: the same for asyncio
- `Cursor`: how far a subscriber has come, to go on from there later
- `find_endpoints`: where the daemon's sockets are

A subscriber in five lines:

    from heard_client import Final, Subscriber

    with Subscriber(topics=["transcript.final."]) as messages:
        for message in messages:
            print(message.text if isinstance(message, Final) else message)
"""

from typing import TYPE_CHECKING

from heard_client.connect import Endpoints, find_endpoints
from heard_client.connection import Connection, connect
from heard_client.control import Control
from heard_client.cursor import Cursor
from heard_client.curve import Keys, read_keys
from heard_client.errors import (
    BadReplyError,
    ControlRefusedError,
    DaemonNotRunningError,
    EndpointError,
    HeardError,
    NoReplyError,
)
from heard_client.messages import (
    Audio,
    Fault,
    Final,
    Gap,
    Level,
    Message,
    Partial,
    Revised,
    SourceEvent,
    Spectrum,
    StatusMessage,
    Transcript,
    UpstreamEvent,
)
from heard_client.parsing import parse
from heard_client.requests import Forgotten, Hello, NoiseProfile, Transcripts
from heard_client.sequences import Missed, Sequences
from heard_client.subscribe import Subscriber
from heard_client.words import LatencyTrace, Word

if TYPE_CHECKING:
    from heard.wire.status import Status
    from heard_client.aio import AsyncControl, AsyncSubscriber

__all__ = [
    "AsyncControl",
    "AsyncSubscriber",
    "Audio",
    "BadReplyError",
    "Connection",
    "Control",
    "ControlRefusedError",
    "Cursor",
    "DaemonNotRunningError",
    "EndpointError",
    "Endpoints",
    "Fault",
    "Final",
    "Forgotten",
    "Gap",
    "HeardError",
    "Hello",
    "Keys",
    "LatencyTrace",
    "Level",
    "Message",
    "Missed",
    "NoReplyError",
    "NoiseProfile",
    "Partial",
    "Revised",
    "Sequences",
    "SourceEvent",
    "Spectrum",
    "Status",
    "StatusMessage",
    "Subscriber",
    "Transcript",
    "Transcripts",
    "UpstreamEvent",
    "Word",
    "connect",
    "find_endpoints",
    "parse",
    "read_keys",
]


def __getattr__(name: str) -> object:
    """Load what few need when it is asked for: asyncio takes longer to import than all the rest."""
    if name == "Status":
        from heard.wire import status  # noqa: PLC0415  # typed maps, which no program needs to run

        return status.Status
    if name in ("AsyncControl", "AsyncSubscriber"):
        from heard_client import aio  # noqa: PLC0415  # it imports asyncio

        return getattr(aio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
