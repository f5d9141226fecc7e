"""A service that repeats the key it was offered, in whatever way the path of the URL says.

Real services do: in the body of a refusal, in an Error, in the reason of a close.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

REASON_BYTES = 123
HEARD_FRAMES = 40
WAIT_S = 20.0


def _refuse(status: int, reason: str, headers: dict[str, str], body: str) -> Response:
    data = body.encode()
    return Response(status, reason, Headers({"Content-Length": str(len(data)), **headers}), data)


REFUSALS: dict[str, Callable[[str], Response]] = {
    "401": lambda key: _refuse(401, f"Bad key {key}", {"X-Key": key}, f"no such key: {key}"),
    "401-cut": lambda key: _refuse(401, "No", {}, "x" * (112 - len(key) // 2) + key + " is no key"),
    "403-json": lambda key: _refuse(403, "No", {}, json.dumps({"error": {"Authorization": key}})),
    "500": lambda key: _refuse(500, "Oops", {}, f"Traceback: headers = {{'Authorization': {key!r}}}"),
    "302": lambda key: _refuse(302, "Found", {"Location": f"ws://127.0.0.1:1/?key={key}"}, key),
    "429": lambda key: _refuse(429, f"Slow down {key}", {"Retry-After": key}, key),
}
"""Answers to the upgrade."""


def _json(**fields: object) -> str:
    return json.dumps(fields)


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(each):04x}" for each in text)


MESSAGES: dict[str, Callable[[str], list[str | bytes]]] = {
    "error": lambda key: [_json(type="Error", error_code=1008, error=f"Unauthorized Connection: {key}")],
    "error-object": lambda key: [_json(error={"message": {"headers": [key]}})],
    "escaped": lambda key: [f'{{"type":"Error","error_code":3005,"error":"{_escaped(key)}"}}'],
    "close": lambda _key: [],
    "warning": lambda key: [_begin("s"), _json(type="Warning", warning_code=1, warning=f"old key {key}")],
    "begin": lambda key: [_begin(key), _json(type="Begin", id=key, expires_at=0)],
    "turn": lambda key: [
        _begin("s"),
        _json(type="Turn", turn_order=0, end_of_turn=True, turn_is_formatted=True, transcript=f"key {key}",
              language_code=key, speaker_label=key,
              words=[{"text": key, "start": 1600, "end": 1800, "confidence": 1, "speaker": key}]),
    ],
    "unknown": lambda key: [_begin("s"), _json(type=key, data=key), f"{key} {{", b"\xff" + key.encode()],
}  # fmt: skip
"""What is said in a session before it is closed, with the key as the reason."""


def _begin(name: str) -> str:
    return _json(type="Begin", id=name, expires_at=int(time.time()) + 3600, configuration={"model": name})


class Parrot:
    """The running service."""

    def __init__(self) -> None:
        self.url = ""
        """Without a path."""
        self.done: list[str] = []
        """The paths that were asked for and answered to the end."""
        self.keys: set[str] = set()
        """The keys that were offered."""

    def answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """Answer an upgrade."""
        path = urlsplit(request.path).path.strip("/")
        key = request.headers.get("Authorization", "")
        self.keys.add(key)
        refusal = REFUSALS.get(path)
        if refusal is None:
            return None
        self.done.append(path)
        return refusal(key)

    def talk(self, connection: ServerConnection) -> None:
        """Hold a session."""
        assert connection.request is not None
        path = urlsplit(connection.request.path).path.strip("/")
        key = connection.request.headers.get("Authorization", "")
        with suppress(ConnectionClosed, TimeoutError):
            for number, message in enumerate(MESSAGES[path](key)):
                connection.send(message, text=isinstance(message, bytes) or None)
                if path == "turn" and number == 0:
                    # Words belong to audio that was sent, behind what a session hears of the one before.
                    for _ in range(HEARD_FRAMES):
                        connection.recv(timeout=WAIT_S)
            connection.recv(timeout=0.3)
        with suppress(ConnectionClosed, TimeoutError):
            connection.close(1008, f"bad key {key}"[:REASON_BYTES])
        self.done.append(path)


@contextmanager
def parrot() -> Iterator[Parrot]:
    """Run the service on a loopback port while the block runs."""
    service = Parrot()
    server = serve(service.talk, "127.0.0.1", 0, process_request=service.answer, close_timeout=1)
    service.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    thread = threading.Thread(target=server.serve_forever, name="parrot", daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join(5)


@contextmanager
def echo() -> Iterator[str]:
    """Run a server that sends back what it gets, whatever it is; yields its ws:// URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_all() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with peer:
                        peer.sendall(peer.recv(65536))

        thread = threading.Thread(target=serve_all, name="echo", daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/v3/ws"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
