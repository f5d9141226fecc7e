"""Read heard's transcripts and control the daemon; needs pyzmq and msgpack, nothing else.

- `Subscriber`: what the daemon publishes, as typed messages
- `Control`: ask the daemon, tell it what to do
- `find_endpoints`: where its sockets are

A subscriber in five lines:

    from heard_client import Final, Subscriber

    with Subscriber(topics=["transcript.final."]) as messages:
        for message in messages:
            print(message.text if isinstance(message, Final) else message)
"""

from heard_client.connect import Endpoints, find_endpoints
from heard_client.control import Control, Hello, NoiseProfile, Transcripts
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
    LatencyTrace,
    Level,
    Message,
    Partial,
    Revised,
    SourceEvent,
    StatusMessage,
    Transcript,
    UpstreamEvent,
    Word,
    parse,
)
from heard_client.sequences import Missed, Sequences
from heard_client.subscribe import Subscriber

__all__ = [
    "Audio",
    "BadReplyError",
    "Control",
    "ControlRefusedError",
    "DaemonNotRunningError",
    "EndpointError",
    "Endpoints",
    "Fault",
    "Final",
    "Gap",
    "HeardError",
    "Hello",
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
    "StatusMessage",
    "Subscriber",
    "Transcript",
    "Transcripts",
    "UpstreamEvent",
    "Word",
    "find_endpoints",
    "parse",
]
