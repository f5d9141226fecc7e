"""What bridges deliver to, for real: mosquitto, nats-server and an HTTP receiver that checks signatures.

Each listens on loopback, on a port that stays its own, so that it can be killed and started again there.
"""

import asyncio
import json
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nats
from nats.js.errors import NotFoundError
from standardwebhooks import Webhook

from .poll import until
from .processes import Child, started

START_S = 30.0
LIMIT_S = 240.0

LOCALHOST = Path(__file__).parent / "localhost.pem"
"""A certificate for localhost that is its own authority, with its key."""

Json = dict[str, Any]


def free_port() -> int:
    """Return a port of loopback that nobody has right now, below those that the kernel gives out by itself.

    One of those might be another's before it is bound, or while its server is away to be started again.
    """
    own = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0]
    while True:
        port = random.randrange(10_000, int(own))
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """A program that listens on `port`, which may be killed and started again."""

    def __init__(self, argv: Sequence[str], port: int) -> None:
        self.port = port
        self._argv = argv
        self._running: AbstractContextManager[Child] | None = None
        self.child: Child | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._running = started(self._argv, limit_s=LIMIT_S)
        self.child = self._running.__enter__()
        until(lambda: listens(self.port), START_S, f"{self._argv[0]} to listen")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal, and wait for that."""
        if self.child is not None and self._running is not None:
            self.child.signal(number)
            self.child.wait(START_S)
            self._running.__exit__(None, None, None)
            self.child = None


def listens(port: int) -> bool:
    """Return whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def mosquitto(folder: Path, *lines: str) -> Iterator[Server]:
    """Run a broker that keeps what it has in `folder`; `lines` of configuration replace "anybody may"."""
    port = free_port()
    path = folder / "mosquitto.conf"
    settings = [
        f"listener {port} 127.0.0.1",
        *(lines or ("allow_anonymous true",)),
        "user root",
        "persistence true",
        f"persistence_location {folder}/",
        "max_queued_messages 0",
        "log_type none",
    ]
    path.write_text("\n".join(settings) + "\n", encoding="utf-8")
    with _run(Server(["mosquitto", "-c", str(path)], port)) as server:
        yield server


@contextmanager
def nats_server(folder: Path, *options: str, jetstream: bool = True) -> Iterator[Server]:
    """Run a NATS server whose streams are in `folder`."""
    port = free_port()
    store = ["-js", "-sd", str(folder / "jetstream")] if jetstream else []
    argv = ["nats-server", "-a", "127.0.0.1", "-p", str(port), *store, *options]
    with _run(Server(argv, port)) as server:
        yield server


@contextmanager
def _run(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def mosquitto_sub(
    port: int, topic: str, *options: str, version: str = "mqttv5"
) -> Iterator[Callable[[], list[Json]]]:
    """Run the broker's own client; yields what returns the messages so far, as it prints them in JSON.

    It has a session that the broker keeps while it is not connected.
    """
    argv = ["mosquitto_sub", "-p", str(port), "-V", version, "-q", "1", "-t", topic, "-F", "%j"]
    argv += ["-i", "collector", "-c", "-x", "3600", *options]
    with started(argv, limit_s=LIMIT_S) as child:

        def messages() -> list[Json]:
            lines = [line for line in child.printed().splitlines(keepends=True) if line.endswith("\n")]
            found = [json.loads(line) for line in lines]
            return [message | {"payload": _value(message["payload"])} for message in found]

        yield messages


def _value(payload: object) -> object:
    """Return a payload that is JSON decoded, any other as it is."""
    try:
        return json.loads(str(payload))
    except ValueError:
        return payload


def stream_messages(port: int, stream: str = "HEARD") -> list[tuple[str, dict[str, str], Json]]:
    """Return what a stream holds: subject, headers, body; nothing where there is no such stream."""

    async def read() -> list[tuple[str, dict[str, str], Json]]:
        client = await nats.connect(f"nats://127.0.0.1:{port}", connect_timeout=20, max_reconnect_attempts=2)
        try:
            jetstream = client.jetstream(timeout=20)
            try:
                state = (await jetstream.stream_info(stream)).state
            except NotFoundError:
                return []
            found = []
            for number in range(state.first_seq, state.last_seq + 1):
                message = await jetstream.get_msg(stream, number)
                assert message.data is not None
                assert message.subject is not None
                found.append((message.subject, dict(message.headers or {}), json.loads(message.data)))
            return found
        finally:
            await client.close()

    return asyncio.run(read())


class Receiver:
    """An HTTP server that keeps what it takes, and answers as it is told to.

    taken     the bodies that were answered 2xx, in order
    attempts  (webhook-id, status) of every request
    answers   statuses for the next requests, before 204
    on_taken  called with each body that is taken
    """

    def __init__(self, secret: str, listening: socket.socket | None = None) -> None:
        self.port = free_port() if listening is None else listening.getsockname()[1]
        self.taken: list[Json] = []
        self.attempts: list[tuple[str, int]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.on_taken: Callable[[Json], None] = lambda _: None
        self._webhook = Webhook(secret)
        self._listening = listening
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where to POST."""
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        """Listen."""
        own = self._listening is None
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler(), bind_and_activate=own)
        if self._listening is not None:
            self._server.socket.close()
            self._server.socket = self._listening
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None and self._thread is not None:
            server, self._server = self._server, None
            server.shutdown()
            server.server_close()
            self._thread.join(START_S)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def do_POST(self) -> None:
                if receiver._server is None:
                    # A server that is stopped does not go on answering on old connections.
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.answers.pop(0) if receiver.answers else 204
                given = {name.lower(): value for name, value in self.headers.items()}
                # Raises where the signature is not right; the bridge would then never be answered 2xx.
                checked = receiver._webhook.verify(body, given)
                receiver.attempts.append((given["webhook-id"], status))
                receiver.headers.append(given)
                if status < 300:
                    receiver.taken.append(checked)
                    receiver.on_taken(checked)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
                pass

        return Handler


@contextmanager
def receiver(secret: str, listening: socket.socket | None = None) -> Iterator[Receiver]:
    """Run a receiver that knows `secret`, on a socket that listens already if one is given."""
    server = Receiver(secret, listening)
    server.start()
    try:
        yield server
    finally:
        server.stop()
