"""The recognizer as a child process, and clients of it."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from ...support.poll import until
from ...support.processes import Child, started

Message = dict[str, Any]
FRAME_BYTES = 3200
"""100 ms at 16 kHz."""
READY_S = 45.0
ANSWER_S = 30.0


@contextmanager
def recognizer(*options: str, limit_s: float = 115.0) -> Iterator[tuple[Child, str]]:
    """Run a recognizer on a free port; yields the child and its URL, ws://HOST:PORT."""
    command = (sys.executable, "-m", "heard.recognizer", "--bind", "127.0.0.1:0", *options)
    with started(command, limit_s=limit_s) as child:
        line = until(lambda: ready_line(child), READY_S, f"the recognizer to listen\n{child!r}")
        yield child, line.removeprefix("listening on ")


def ready_line(child: Child) -> str:
    """Return the line that the child prints once it listens, empty before."""
    assert child.running, child.tail()
    printed = child.printed()
    return printed.strip() if printed.endswith("\n") else ""


def session(url: str, query: str = "", key: str = "any") -> ClientConnection:
    """Return a session to be used in a `with` statement."""
    return connect(
        f"{url}/v3/ws?{query}",
        additional_headers={"Authorization": key},
        compression=None,
        max_queue=None,
        open_timeout=ANSWER_S,
    )


def receive(connection: ClientConnection) -> Message:
    """Return the next message."""
    message: Message = json.loads(connection.recv(timeout=ANSWER_S))
    return message


def frames(pcm: npt.NDArray[np.int16], frame_bytes: int = FRAME_BYTES) -> Iterable[bytes]:
    """Cut audio into frames, the last filled up with silence."""
    data = pcm.astype("<i2").tobytes()
    for at in range(0, len(data), frame_bytes):
        yield data[at : at + frame_bytes].ljust(frame_bytes, b"\0")


def rest(connection: ClientConnection) -> tuple[list[Message], int, str]:
    """Return all messages until the close, and the close's code and reason (1006 for none)."""
    messages: list[Message] = []
    while True:
        try:
            messages.append(receive(connection))
        except ConnectionClosed as closed:
            frame = closed.rcvd
            return (messages, 1006, "") if frame is None else (messages, frame.code, frame.reason)


def transcript_of(messages: Iterable[Message]) -> str:
    """Return the text of the finals."""
    return " ".join(m["transcript"] for m in messages if m["type"] == "Turn" and m["end_of_turn"])
