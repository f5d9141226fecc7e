"""The websocket of one session: a thin shell, and the only module that imports websocket-client.

Connecting blocks (DNS, TCP, TLS, proxy), so it has a thread that ends with it. From then on the socket
does not block: what arrives is read when it is there, what is sent goes out or waits in `unsent`, which
shows a peer that no longer reads. Whether a peer is alive is the session's business; here nothing
waits.

Proxies are websocket-client's business: `https_proxy` for wss, `http_proxy` for ws, and `no_proxy`. The
library knows no exception for loopback, so that is made here for ws.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import urlsplit

import websocket
from websocket import ABNF

from heard.upstream.backoff import Failure, Kind
from heard.upstream.dial import Dial, reset
from heard.upstream.happenings import Abort, Action, Close, SendAudio, SendPing, SendText
from heard.upstream.key import Key
from heard.upstream.pieces import Buffer, Pieces, TooLargeError, bound

MOST_UNSENT = 64 * 1024
"""Bytes (2 s of audio) waiting for a peer that does not read: no more audio until it does."""
FRAMES_AT_ONCE = 64
"""So many frames are read before others get their turn."""
CLOSING_S = 2.0
BODY_SHOWN = 120
_TOO_LARGE = Failure(Kind.PROTOCOL, "a message larger than 8 MiB")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: a URL (without query), or a unix socket that speaks the same."""

    url: str
    unix_path: Path | None = None
    ca_file: str = ""
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Text:
    """A text (or binary) message of the service."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The peer answered a ping, or sent one."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is over."""

    failure: Failure


Incoming = Text | Pong | Lost


class _Frame(Protocol):
    opcode: int
    fin: int
    data: bytes


class _Options(Protocol):
    sslopt: dict[str, object]


class _WebSocket(Protocol):
    """What is used of the library's `WebSocket`, which is typed in part only."""

    sock: socket.socket | None
    sock_opt: _Options
    frame_buffer: Buffer

    def settimeout(self, timeout: float) -> None: ...
    def connect(self, url: str, **options: object) -> None: ...
    def recv_frame(self) -> _Frame: ...
    def fileno(self) -> int: ...
    def shutdown(self) -> None: ...


class _AbandonedError(Exception):
    """Nobody waits for this connection any more."""


class _Watched(websocket.WebSocket):
    """The library's socket, which tells that it is connected (by TLS, if any) before it asks to upgrade."""

    def __init__(self, connected: Callable[[socket.socket], None]) -> None:
        self._connected = connected
        self._sock: socket.socket | None = None
        super().__init__(enable_multithread=False)

    @property
    def sock(self) -> socket.socket | None:
        """The connected socket."""
        return self._sock

    @sock.setter
    def sock(self, made: socket.socket | None) -> None:
        self._sock = made
        if made is not None:
            self._connected(made)


class Connection:
    """One connection. `wake` is an eventfd that is written to once connecting has come to an end, or further.

    After construction: wait for `outcome`; then watch `descriptor` (readable: `receive`; `unsent`:
    writable too, `flush`). `perform` sends; `release` at the very end.
    """

    def __init__(self, target: Target, query: str, key: Key | None, wake: int) -> None:
        self._target = target
        self._query = query
        self._key = key
        self._wake = wake
        self._dial = Dial(target.timeout_s)
        self._socket = cast("_WebSocket", _Watched(self._established))
        bound(self._socket.frame_buffer)
        self._result: bool | Failure | None = None
        self._abandoned = False
        self.reached = False
        """Whether the service has shown itself, by its certificate; a session may come of it."""
        self._unsent = bytearray()
        self._pieces = Pieces()
        self._close_at: float | None = None
        self.closed = False
        """Nothing more comes or goes."""
        threading.Thread(target=self._connect, name="connect", daemon=True).start()

    @property
    def outcome(self) -> bool | Failure | None:
        """None while connecting; True once open; else why not."""
        return self._result

    @property
    def descriptor(self) -> int:
        """The open socket's, for a poll."""
        return self._socket.fileno()

    @property
    def has_room(self) -> bool:
        """Whether the peer reads what it is sent."""
        return len(self._unsent) < MOST_UNSENT

    @property
    def unsent(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._unsent)

    @property
    def over(self) -> bool:
        """Whether a close that was begun has taken long enough."""
        return self._close_at is not None and time.monotonic() >= self._close_at

    def perform(self, action: Action) -> None:
        """Send what a session asks for; never waits."""
        match action:
            case SendAudio(pcm):
                self._send(pcm, ABNF.OPCODE_BINARY)
            case SendText(text):
                self._send(text.encode(), ABNF.OPCODE_TEXT)
            case SendPing():
                self._send(b"", ABNF.OPCODE_PING)
            case Close():
                self._send(struct.pack("!H", 1000), ABNF.OPCODE_CLOSE)
                self._close_at = time.monotonic() + CLOSING_S
            case Abort():
                if (sock := self._socket.sock) is not None:
                    reset(sock)
                self.release()

    def flush(self) -> None:
        """Write what waits, as far as the peer reads."""
        while self._unsent and (sock := self._socket.sock) is not None and not self.closed:
            try:
                sent = sock.send(self._unsent)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError:
                # `receive` meets the same error and says what it was.
                self._unsent.clear()
                return
            del self._unsent[:sent]

    def receive(self) -> list[Incoming]:
        """Return what has arrived; a `Lost` is the last of all."""
        found: list[Incoming] = []
        for _ in range(FRAMES_AT_ONCE):
            if self.closed:
                break
            try:
                frame = self._socket.recv_frame()
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except TooLargeError:
                found.append(self._lose(_TOO_LARGE))
            except websocket.WebSocketConnectionClosedException:
                found.append(
                    self._lose(Failure(Kind.NETWORK, "connection closed without a close frame", 1006))
                )
            except websocket.WebSocketException as error:
                found.append(self._lose(Failure(Kind.PROTOCOL, f"not WebSocket: {self._line(error)}")))
            except OSError as error:
                found.append(self._lose(Failure(Kind.NETWORK, self._line(error), 1006)))
            else:
                found += self._take(frame.opcode, frame.data, last=bool(frame.fin))
        return found

    def more(self) -> bool:
        """Whether TLS holds bytes that a poll of the descriptor does not show."""
        sock = self._socket.sock
        return not self.closed and isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    def release(self) -> None:
        """Let go of the socket, whatever its state; also of one that is still being connected."""
        self._abandoned = True
        self.closed = True
        if self._result is not None:
            self._socket.shutdown()
            return
        self._dial.hang_up()
        if (sock := self._socket.sock) is not None:
            reset(sock)

    def _take(self, opcode: int, data: bytes, *, last: bool) -> list[Incoming]:
        match opcode:
            case ABNF.OPCODE_TEXT | ABNF.OPCODE_BINARY | ABNF.OPCODE_CONT:
                try:
                    whole = self._pieces.add(data, last=last)
                except TooLargeError:
                    return [self._lose(_TOO_LARGE)]
                if whole is None:
                    return []
                return [Text(whole if self._key is None else self._key.scrub_json(whole))]
            case ABNF.OPCODE_PING:
                self._send(data, ABNF.OPCODE_PONG)
                return [Pong()]
            case ABNF.OPCODE_PONG:
                return [Pong()]
            case ABNF.OPCODE_CLOSE:
                code = struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
                reason = data[2:].decode("utf-8", "replace")
                if self._close_at is None:
                    self._send(data[:2], ABNF.OPCODE_CLOSE)
                return [self._lose(Failure(Kind.CLOSE, self._clean(reason), code))]
            case _:
                return []

    def _lose(self, failure: Failure) -> Lost:
        self.release()
        return Lost(failure)

    def _send(self, data: bytes, opcode: int) -> None:
        if self.closed or self._close_at is not None:
            return
        self._unsent += ABNF.create_frame(data, opcode).format()
        self.flush()

    def _established(self, sock: socket.socket) -> None:
        """Take note of the connection; called in the connecting thread, before a session is asked for."""
        if self._abandoned:
            # A SYN that got through late: a session that is asked for now would be there for nobody.
            sock.close()
            raise _AbandonedError
        if isinstance(sock, ssl.SSLSocket):
            self.reached = True
            self._awake()

    def _connect(self) -> None:
        """Connect; runs in a thread of its own."""
        try:
            self._open()
        except Exception as error:  # noqa: BLE001 - whatever a library raises, the session must hear of it
            self._result = self._failure(error)
        else:
            self._result = True
        if self._abandoned:
            self._socket.shutdown()
        self._awake()

    def _awake(self) -> None:
        with suppress(OSError):
            # The process may be at its end, and the descriptor closed.
            os.eventfd_write(self._wake, 1)

    def _open(self) -> None:
        target = self._target
        self._socket.settimeout(target.timeout_s)
        header = [] if self._key is None else [f"Authorization: {self._key.reveal()}"]
        self._socket.sock_opt.sslopt = {"ca_certs": target.ca_file} if target.ca_file else {}
        self._socket.connect(
            f"{target.url}?{self._query}",
            header=[*header, "User-Agent: heard"],
            suppress_origin=True,
            # A redirect would carry the key to another host.
            redirect_limit=0,
            socket=self._own_socket(),
        )
        self._socket.settimeout(0)

    def _own_socket(self) -> socket.socket | None:
        """Return a connected socket, None where there is a proxy on the way: that is the library's to do."""
        target = self._target
        if target.unix_path is not None:
            return self._dial.unix(target.unix_path)
        parts = urlsplit(target.url)
        host, secure = parts.hostname or "", parts.scheme == "wss"
        if _proxied(secure=secure) and (secure or not _is_loopback(host)):
            return None
        sock = self._dial.tcp(host, parts.port or (443 if secure else 80))
        return self._dial.tls(sock, host, target.ca_file) if secure else sock

    def _failure(self, error: Exception) -> Failure:
        match error:
            case websocket.WebSocketBadStatusException():
                return self._refused(error)
            case websocket.WebSocketTimeoutException() | TimeoutError():
                return Failure(Kind.NETWORK, f"no connection within {self._target.timeout_s:g} s")
            case websocket.WebSocketProxyException():
                return Failure(Kind.NETWORK, f"proxy: {self._line(error)}")
            case websocket.WebSocketAddressException() | socket.gaierror():
                return Failure(Kind.NETWORK, f"{urlsplit(self._target.url).hostname}: {self._line(error)}")
            case ssl.SSLCertVerificationError():
                return Failure(Kind.NETWORK, f"TLS: {error.verify_message}: see upstream.ca_file")
            case ssl.SSLError():
                return Failure(Kind.NETWORK, f"TLS: {self._line(error)}")
            case OSError():
                return Failure(Kind.NETWORK, self._line(error))
            case websocket.WebSocketException() if "Redirect" in str(error):
                return Failure(Kind.HTTP, "the service redirects; set upstream.url to where it does", 302)
            case _:
                return Failure(Kind.PROTOCOL, self._line(error))

    def _refused(self, error: websocket.WebSocketBadStatusException) -> Failure:
        headers = error.resp_headers or {}
        body = error.resp_body.decode("utf-8", "replace") if isinstance(error.resp_body, bytes) else ""
        # Cleaned before it is cut: half a key would not be recognised.
        text = (
            f"{self._clean(error.status_message or '')[:BODY_SHOWN]} {self._clean(body)[:BODY_SHOWN]}".strip()
        )
        return Failure(Kind.HTTP, text, error.status_code, _retry_after(headers.get("retry-after")))

    def _line(self, error: Exception) -> str:
        return self._clean(str(getattr(error, "strerror", None) or error or type(error).__name__))

    def _clean(self, text: str) -> str:
        """Return one printable line without the key in it."""
        line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
        return line if self._key is None else self._key.scrub(line)


def _proxied(*, secure: bool) -> bool:
    """Whether a proxy is named; that it is not for this host (`no_proxy`) the library knows."""
    name = "https_proxy" if secure else "http_proxy"
    return bool(os.environ.get(name) or os.environ.get(name.upper()))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header; its form with a date is not used for APIs."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
