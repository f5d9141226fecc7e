"""A v3 server that follows a script: a real websocket on loopback that checks every rule and records all.

What it "recognises" is a matter of the audio's content alone (`coded_audio`): every half second of the
source is the word `wN`, N counted from the source's first sample, unless `spoken(N)` says that it is
silent; a silent half second ends a turn. So a test knows every word, its time, and that each came once,
whatever was cut, replayed or overlapped in between.

Each connection meets the next `Plan`; the last one is for all that follow.
"""

import json
import select
import socket
import ssl
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve, unix_serve

from .coded_audio import PADDING, decoded

RATE_HZ = 16000
BYTES_PER_SAMPLE = 2
WORD = RATE_HZ // 2
PAUSE_EVERY = 6
TYPES = ("UpdateConfiguration", "ForceEndpoint", "KeepAlive", "Terminate")
HEARTBEAT_S = 0.3

Word = dict[str, object]


def turns_of_five(word: int) -> bool:
    """Return whether half second `word` is spoken: five words, then a pause, and so on."""
    return word % PAUSE_EVERY != PAUSE_EVERY - 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one connection. Moments are seconds of audio received in it."""

    status: int = 101
    retry_after: str | None = None
    error: tuple[int, str] | None = None
    """Instead of Begin: an Error, then a close with its code."""
    begin: bool = True
    expires_in_s: float = 10800.0
    close_at_s: float | None = None
    close: tuple[int, str] = (1011, "")
    error_text: str = ""
    """Sent as an Error before that close."""
    reset_at_s: float | None = None
    """The TCP connection breaks."""
    deaf_at_s: float | None = None
    """Nothing more is read: a black hole."""
    termination: Literal["answer", "never", "close"] = "answer"
    double_finals: bool = False
    """Raw, then formatted, as US models do with format_turns."""
    after_begin: tuple[str | bytes, ...] = ()
    revise: bool = False
    """A SpeakerRevision of every turn before the Termination."""
    pace: float | None = 1.25
    """Times real time (and two seconds) that may be sent; None: any."""


@dataclass(slots=True)
class Record:
    """What one connection did."""

    query: dict[str, str]
    authorization: str | None
    user_agent: str | None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    audio: bytearray = field(default_factory=bytearray)
    frames: list[int] = field(default_factory=list)
    """Samples in each."""
    messages: list[dict[str, object]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    code: int | None = None
    """How the client closed."""
    ended: bool = False

    @property
    def samples(self) -> list[int]:
        """The numbers of the samples received, padding left out."""
        return [int(n) for n in decoded(bytes(self.audio)) if n != PADDING] if self.audio else []


class V3Server:
    """The running server; `url` is where it listens."""

    def __init__(self, spoken: Callable[[int], bool]) -> None:
        self.url = ""
        self.plans: list[Plan] = [Plan()]
        self.records: list[Record] = []
        """One for every upgrade asked for, refused ones too."""
        self.key: str | None = None
        """What Authorization must say; None: anything."""
        self.spoken = spoken
        self.text: Callable[[int], str] = "w{}".format
        """What half second N of the source is taken for."""
        self.over = threading.Event()
        """Set at the end, for sessions that only wait."""
        self._lock = threading.Lock()
        self._begun: dict[int, tuple[Plan, Record]] = {}
        self._running: list[ServerConnection] = []

    @property
    def violations(self) -> list[str]:
        """All rules that were broken."""
        return [each for record in self.records for each in record.violations]

    def then(self, *plans: Plan) -> None:
        """Let the next connections meet these plans, and those after them the last one there was."""
        with self._lock:
            last = self.plans[-1]
            met = [last] * len(self.records)
            self.plans = [*met, *plans, last]

    def close(self, code: int, reason: str = "", error_text: str = "") -> bool:
        """Close every session that is running, after an Error if there is a text; say if there was one."""
        with self._lock:
            running = list(self._running)
        for connection in running:
            with suppress(ConnectionClosed):
                if error_text:
                    connection.send(json.dumps({"type": "Error", "error_code": code, "error": error_text}))
                connection.close(code, reason)
        return bool(running)

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Accept or refuse an upgrade."""
        query = dict(parse_qsl(urlsplit(request.path).query))
        with self._lock:
            plan = self.plans[min(len(self.records), len(self.plans) - 1)]
            record = Record(query, request.headers.get("Authorization"), request.headers.get("User-Agent"))
            self.records.append(record)
            self._begun[id(connection)] = (plan, record)
        if urlsplit(request.path).path != "/v3/ws":
            record.violations.append(f"path {request.path}")
        if plan.status == HTTPStatus.SWITCHING_PROTOCOLS:
            return None
        response = connection.respond(HTTPStatus(plan.status), "no\n")
        if plan.retry_after is not None:
            response.headers["Retry-After"] = plan.retry_after
        if 300 <= plan.status < 400:
            response.headers["Location"] = "ws://127.0.0.1:1/v3/ws"
        return response

    def serve(self, connection: ServerConnection) -> None:
        """Serve one session."""
        plan, record = self._begun.pop(id(connection))
        script = Script(plan, record, self.spoken, time.monotonic(), self.text)
        with self._lock:
            self._running.append(connection)
        try:
            if not self._do(connection, script.begin(time.time(), self.key)):
                return
            beat = HEARTBEAT_S if record.query.get("session_heartbeat") == "true" else None
            due = time.monotonic() + HEARTBEAT_S
            while True:
                outputs: list[Output] = []
                with suppress(TimeoutError):
                    outputs += script.take(connection.recv(timeout=beat), time.monotonic())
                if beat is not None and time.monotonic() >= due:
                    due = time.monotonic() + HEARTBEAT_S
                    outputs = [*script.heartbeat(), *outputs]
                if not self._do(connection, outputs):
                    return
        except ConnectionClosed as error:
            record.code = error.rcvd.code if error.rcvd is not None else 1006
        finally:
            record.ended = True
            with self._lock:
                self._running.remove(connection)

    def _do(self, connection: ServerConnection, outputs: "list[Output]") -> bool:
        """Send; return whether the session goes on."""
        for output in outputs:
            match output:
                case str() | bytes():
                    connection.send(output)
                case Close(code, reason):
                    connection.close(code, reason)
                    return False
                case Break.RESET:
                    linger = struct.pack("ii", 1, 0)
                    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    connection.socket.shutdown(socket.SHUT_RDWR)
                    return False
                case Break.DEAF:
                    # Reading nothing more fills the library's queue, which then leaves the socket alone.
                    self.over.wait()
                    return False
        return True


@dataclass(frozen=True, slots=True)
class Close:
    """The service closes the session."""

    code: int = 1000
    reason: str = ""


class Break(Enum):
    """How a connection goes wrong."""

    RESET = "reset"
    DEAF = "deaf"


Output = str | bytes | Close | Break


class Script:
    """One session's side of the service, without a socket: what comes in, what goes out, by the plan.

    `now` is monotonic seconds.
    """

    def __init__(
        self,
        plan: Plan,
        record: Record,
        spoken: Callable[[int], bool],
        now: float,
        text: Callable[[int], str] = "w{}".format,
    ) -> None:
        self._plan = plan
        self._record = record
        self._ear = Ear(spoken, text)
        self._began_at = now
        self._order = 0
        self._finals: list[tuple[int, list[Word]]] = []
        self._begun = False
        self._terminated = False
        self._out: list[Output] = []

    def begin(self, unix_s: float, key: str | None) -> list[Output]:
        """Return what follows the upgrade."""
        plan, record = self._plan, self._record
        if key is not None and record.authorization != key:
            self._fail(1008, "Unauthorized Connection: Missing Authorization header")
        elif plan.error is not None:
            self._fail(*plan.error)
        elif plan.begin:
            self._begun = True
            self._say(
                type="Begin",
                id=record.id,
                expires_at=int(unix_s + plan.expires_in_s),
                configuration={"model": record.query.get("speech_model")},
            )
        self._out += plan.after_begin
        return self._taken()

    def heartbeat(self) -> list[Output]:
        """Return a Heartbeat."""
        ms = self._received_ms()
        self._say(type="Heartbeat", total_audio_received_ms=ms, total_duration_ms=ms, realtime_factor=1)
        return self._taken()

    def take(self, message: str | bytes, now: float) -> list[Output]:
        """Take a frame of the client's and return the answer."""
        if self._terminated:
            self._record.violations.append("something after Terminate")
        if isinstance(message, bytes):
            self._audio(message, now)
            return self._taken()
        body = json.loads(message)
        self._record.messages.append(body)
        match body["type"]:
            case "Terminate":
                self._terminate()
            case "ForceEndpoint":
                self._final(self._ear.flush())
            case kind if kind not in TYPES:
                self._broken(3006, f"Invalid Message Type: {kind}")
        return self._taken()

    def _audio(self, pcm: bytes, now: float) -> None:
        record, plan = self._record, self._plan
        ms = len(pcm) / BYTES_PER_SAMPLE / RATE_HZ * 1000
        if len(pcm) % BYTES_PER_SAMPLE:
            record.violations.append("half a sample")
        if not 50 <= ms <= 1000:
            self._broken(3007, f"Input duration violation: {ms:g} ms. Expected between 50 and 1000 ms")
            return
        if not self._begun:
            record.violations.append("audio before Begin")
        record.audio += pcm
        record.frames.append(len(pcm) // BYTES_PER_SAMPLE)
        received_s, elapsed_s = self._received_ms() / 1000, now - self._began_at
        if plan.pace is not None and received_s > elapsed_s * plan.pace + 2:
            self._broken(3007, f"Audio Transmission Rate Exceeded: Received {received_s} in {elapsed_s}")
            return
        for turn, final in self._ear.hear(pcm):
            if final:
                self._final(turn)
            else:
                self._turn(turn, final=False)
        if plan.deaf_at_s is not None and received_s >= plan.deaf_at_s:
            self._out.append(Break.DEAF)
        elif plan.reset_at_s is not None and received_s >= plan.reset_at_s:
            self._out.append(Break.RESET)
        elif plan.close_at_s is not None and received_s >= plan.close_at_s:
            if plan.error_text:
                self._say(type="Error", error_code=plan.close[0], error=plan.error_text)
            self._out.append(Close(*plan.close))

    def _terminate(self) -> None:
        self._terminated = True
        self._final(self._ear.flush())
        if self._plan.revise:
            revisions = [
                {
                    "turn_order": order,
                    "speaker_label": "B",
                    "words": [{**word, "speaker": "B"} for word in words],
                }
                for order, words in self._finals
            ]
            self._say(type="SpeakerRevision", revisions=revisions)
        if self._plan.termination == "answer":
            duration = self._received_ms() // 1000
            self._say(type="Termination", audio_duration_seconds=duration, session_duration_seconds=duration)
        if self._plan.termination != "never":
            self._out.append(Close(1000))

    def _final(self, turn: list[Word]) -> None:
        if not turn:
            return
        if self._plan.double_finals:
            self._turn(turn, final=True, formatted=False)
        self._turn(turn, final=True)
        self._finals.append((self._order, turn))
        self._order += 1

    def _turn(self, words: list[Word], *, final: bool, formatted: bool = True) -> None:
        text = " ".join(str(word["text"]) for word in words)
        if final and formatted and self._plan.double_finals:
            text = text.capitalize() + "."
        self._say(
            turn_order=self._order,
            turn_is_formatted=final and formatted,
            end_of_turn=final,
            transcript=text,
            end_of_turn_confidence=int(final),
            words=[{**word, "word_is_final": final} for word in words],
            utterance=text if final else "",
            type="Turn",
        )

    def _received_ms(self) -> int:
        return len(self._record.audio) * 1000 // BYTES_PER_SAMPLE // RATE_HZ

    def _say(self, **body: object) -> None:
        self._out.append(json.dumps(body))

    def _fail(self, code: int, text: str) -> None:
        self._say(type="Error", error_code=code, error=text)
        self._out.append(Close(code, text if len(text.encode()) <= 123 else "See Error message for details"))

    def _broken(self, code: int, text: str) -> None:
        self._record.violations.append(text)
        self._fail(code, text)

    def _taken(self) -> list[Output]:
        out, self._out = self._out, []
        return out


class Ear:
    """Turns the content of one session's audio into words with session times.

    A word is understood by whoever hears its middle: of two sessions that share it, exactly one.
    """

    def __init__(self, spoken: Callable[[int], bool], text: Callable[[int], str]) -> None:
        self._spoken = spoken
        self._text = text
        self._position = 0
        self._word: int | None = None
        self._first = self._last = 0
        self._middle = False
        self._turn: list[Word] = []

    def hear(self, pcm: bytes) -> Iterator[tuple[list[Word], bool]]:
        """Yield (words of the turn so far, whether it is over) for every word that is complete."""
        numbers = decoded(pcm)
        word_of = np.where(numbers == PADDING, PADDING, numbers // WORD)
        seams = [0, *(np.flatnonzero(np.diff(word_of)) + 1).tolist(), len(numbers)]
        for first, stop in pairwise(seams):
            word = int(word_of[first])
            if word != PADDING:
                if word != self._word:
                    yield from self._end_word()
                    self._word, self._first, self._middle = word, self._position + first, False
                middle = word * WORD + WORD // 2
                self._middle |= bool(numbers[first] <= middle <= numbers[stop - 1])
                self._last = self._position + stop - 1
        self._position += len(numbers)

    def flush(self) -> list[Word]:
        """Return the turn's words, the one that is being said included; the turn is over."""
        for turn, over in self._end_word():
            if over:
                return turn
        turn, self._turn = self._turn, []
        return turn

    def _end_word(self) -> Iterator[tuple[list[Word], bool]]:
        word, self._word = self._word, None
        if word is None or not self._middle:
            return
        if self._spoken(word):
            start, end = (at * 1000 // RATE_HZ for at in (self._first, self._last + 1))
            self._turn.append({"start": start, "end": end, "text": self._text(word), "confidence": 0.9})
            yield list(self._turn), False
        elif self._turn:
            turn, self._turn = self._turn, []
            yield turn, True


class _Unmoved(ssl.SSLSocket):
    """A listening socket that goes on after a connection which was reset before its handshake.

    That is an error of `accept`, which the library takes for the end of the socket.
    """

    def accept(self) -> tuple[ssl.SSLSocket, object]:
        """Return the next connection.

        Raises:
            OSError: the socket is closed.
        """
        while self.fileno() >= 0:
            if select.select([self], [], [], 0.1)[0]:
                with suppress(OSError):
                    return super().accept()
        raise OSError("closed")


@contextmanager
def v3_server(
    *plans: Plan,
    spoken: Callable[[int], bool] = turns_of_five,
    unix_path: Path | None = None,
    tls: ssl.SSLContext | None = None,
    port: int = 0,
    listening: socket.socket | None = None,
) -> Iterator[V3Server]:
    """Run a server for as long as the block: on a socket, on a path, or on `port` of 127.0.0.1 (0: any)."""
    scripted = V3Server(spoken)
    if tls is not None:
        tls.sslsocket_class = _Unmoved
    scripted.plans = list(plans) or [Plan()]
    if unix_path is not None:
        running = unix_serve(
            scripted.serve,
            str(unix_path),
            process_request=scripted.answer,
            max_queue=(4, 1),
            ping_interval=None,
            close_timeout=1,
        )
    else:
        running = serve(
            scripted.serve,
            None if listening is not None else "127.0.0.1",
            None if listening is not None else port,
            sock=listening,
            ssl=tls,
            process_request=scripted.answer,
            max_queue=(4, 1),
            ping_interval=None,
            close_timeout=1,
        )
        where = "ws://127.0.0.1" if tls is None else "wss://localhost"
        scripted.url = f"{where}:{running.socket.getsockname()[1]}/v3/ws"
    thread = threading.Thread(target=running.serve_forever, name="v3-server", daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        scripted.over.set()
        running.shutdown()
        thread.join(5)
