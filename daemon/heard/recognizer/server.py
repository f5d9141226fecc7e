"""The websocket server: one thread a session, which reads a frame, does its work, and answers.

That is also the flow control. While a session's thread is busy, at most `QUEUED_FRAMES` and
what the kernel holds wait to be read; then the client's send blocks. Nothing is ever thrown away.
Pings are answered by a thread of the library, also while a turn is being read.
"""

import logging
import re
import socket
import threading
import time
import uuid
from collections.abc import Generator, Iterable
from contextlib import closing

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from . import messages
from .engines import StreamingEngine
from .errors import ClientError
from .session import (
    MAX_SESSION_S,
    PATH,
    Close,
    Output,
    Send,
    Session,
    authorize,
    parameters_of,
    refusal,
)

QUEUED_FRAMES = 16
MAX_MESSAGE_BYTES = 1 << 20
MAX_SESSIONS = 256
CLOSE_TIMEOUT_S = 1.0
PING_INTERVAL_S = 20.0
PING_TIMEOUT_S = 60.0
"""Longer than it takes to read all that can wait in front of a pong."""

_LOCAL_PAGES = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
"""A browser tells from which page it comes: pages of the web have no business here."""

_LOG = logging.getLogger(__name__)


class RecognizerServer:
    """Serves v3 sessions on a listening socket.

    Args:
        listener: bound and listening; owned from here on.
        engine: loaded, shared by all sessions.
        key: what clients must present; None lets all in that can connect.
        max_session_s: see `Session`.
        max_sessions: more than these at once are refused with 3009.
    """

    def __init__(
        self,
        listener: socket.socket,
        engine: StreamingEngine,
        *,
        key: str | None = None,
        max_session_s: float = MAX_SESSION_S,
        max_sessions: int = MAX_SESSIONS,
    ) -> None:
        self._engine = engine
        self._key = key
        self._max_session_s = max_session_s
        self._places = threading.BoundedSemaphore(max_sessions)
        self._server: Server = serve(
            self._handle,
            sock=listener,
            process_request=_check_path,
            origins=[None, _LOCAL_PAGES] if key is None else None,
            compression=None,
            server_header=None,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=QUEUED_FRAMES,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            logger=_quiet_logger(),
        )

    def serve_forever(self) -> None:
        """Accept clients until `shutdown` is called from another thread."""
        self._server.serve_forever()

    def shutdown(self) -> None:
        """Stop accepting, close all sessions with 1001, wait for their threads."""
        self._server.shutdown()

    def _handle(self, connection: ServerConnection) -> None:
        session_id = str(uuid.uuid4())
        try:
            with closing(self._converse(connection, session_id)) as outputs:
                _run(connection, outputs)
        except ConnectionClosed as closed:
            _LOG.info("session %s: client left: %s", session_id, closed)
        except Exception:  # noqa: BLE001 - the border of a thread: logged, and told to the client
            # A fault of ours in one session must not look to the client like a network error.
            _LOG.exception("session %s: failed", session_id)
            text = "Session Cancelled: An error occurred"
            _run(connection, refusal(ClientError(messages.CANCELLED, text)))

    def _converse(self, connection: ServerConnection, session_id: str) -> Generator[Output, None, None]:
        request = connection.request
        assert request is not None  # a handler runs after the handshake
        if not self._places.acquire(blocking=False):
            text = "Unauthorized Connection: Too many concurrent sessions"
            yield from refusal(ClientError(messages.TOO_MANY_SESSIONS, text))
            return
        try:
            try:
                parameters = parameters_of(request.path)
                authorize(self._key, dict(request.headers.raw_items()), parameters)
            except ClientError as error:
                yield from refusal(error)
                return
            session = Session(
                session_id=session_id,
                engine=self._engine,
                parameters=parameters,
                now_s=time.monotonic(),
                max_session_s=self._max_session_s,
            )
            _LOG.info("session %s: open", session_id)
            yield from session.begin(unix_s=time.time())
            yield from _exchange(connection, session)
        finally:
            self._places.release()


def _exchange(connection: ServerConnection, session: Session) -> Generator[Output, None, None]:
    """Yield what the session has to say, in order, for as long as it lasts."""
    while True:
        now_s = time.monotonic()
        if now_s >= session.next_due_s():
            yield from session.tick(now_s)
        try:
            message = connection.recv(timeout=0)
        except TimeoutError:
            session.waited()
            try:
                message = connection.recv(timeout=max(0.0, session.next_due_s() - now_s))
            except TimeoutError:
                continue
        yield from session.receive(message, time.monotonic())


def _run(connection: ServerConnection, outputs: Iterable[Output]) -> None:
    """Send what there is to send, until a Close."""
    for output in outputs:
        match output:
            case Send(text):
                connection.send(text)
            case Close(code, reason):
                connection.close(code, reason)
                return


def _check_path(connection: ServerConnection, request: Request) -> Response | None:
    if request.path.partition("?")[0] == PATH:
        return None
    return connection.respond(404, f"not found: sessions are opened at {PATH}\n")


class _Quiet(logging.Filter):
    """Of what the library reports, keeps faults, each in one line: a failed handshake is no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to keep `record`, which is changed."""
        if record.levelno < logging.WARNING:
            return False
        if record.exc_info:
            record.msg = f"{record.getMessage()}: {record.exc_info[1]}"
            record.args = ()
            record.exc_info = None
        return True


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger(f"{__name__}.websocket")
    if not any(isinstance(existing, _Quiet) for existing in logger.filters):
        logger.addFilter(_Quiet())
    return logger
