"""Core: one v3 session as a table of states. No socket, no thread, no clock.

    connecting ─connected─▶ open ─begin─▶ live ─terminate─▶ draining ─termination─▶ closed
         │                   │             │                   │                       ▲
         └───────────────────┴──lost, abandon, a deadline──────┴───────────────────────┘

What happens goes in by method, each with `now` (monotonic seconds); what is to be done comes out of
`actions`, what was learnt out of `happenings`, both in order and once. Only `Begin` proves a session:
audio waits for it. An input that its state does not allow is our own mistake: it raises
LocalProtocolError and changes nothing. What the *server* does out of order is counted (`oddities`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from heard.upstream import messages
from heard.upstream.backoff import Failure, Kind
from heard.upstream.happenings import (
    Abort,
    Action,
    Began,
    Close,
    Failed,
    Happening,
    HeardTurn,
    HeardWord,
    ReceivedThrough,
    SendAudio,
    SendPing,
    SendText,
    SilentThrough,
    SpeechBegan,
    Terminated,
    Warned,
)
from heard.upstream.messages import (
    Begin,
    Heartbeat,
    ServerMessage,
    ServiceError,
    ServiceWarning,
    Silence,
    SpeakerRevision,
    SpeechStarted,
    Termination,
    Turn,
    Unknown,
    Unreadable,
)
from heard.upstream.timeline import Timeline
from heard.upstream.turns import Reading, Turns
from heard.wire.audio import BYTES_PER_SAMPLE

NORMAL_CLOSE = 1000
LEAST_FRAME_MS = 50
MOST_FRAME_MS = 1000
CLOSE_S = 2.0
"""How long an Error's close frame may take."""
STALL_S = 1.0
"""The process itself did not run for so long (stopped, suspended): the peer gets that time on top."""


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


class Session:
    """One session, from the attempt to connect to its end.

    Args:
        limits: deadlines.
        rate_hz: of the audio.
        format_turns: whether a raw final is followed by a formatted one (US models).
        now: monotonic seconds at which connecting began.
    """

    def __init__(self, limits: Limits, rate_hz: int, *, format_turns: bool, now: float) -> None:
        self.state = State.CONNECTING
        self.oddities = 0
        """Messages that could not be read or came out of order."""
        self.unknown = 0
        """Messages of types that heard does not know."""
        self.last_oddity = ""
        self._limits = limits
        self._rate_hz = rate_hz
        self._timeline = Timeline(rate_hz)
        self._turns = Turns(format_turns=format_turns)
        self._error: ServiceError | None = None
        self._began = False
        self._actions: list[Action] = []
        self._happenings: list[Happening] = []
        self._deadline: float | None = now + limits.connect_s
        self._ticked = now
        self._heard_at = now
        self._pinged_at = now
        self._awaits_pong = False

    @property
    def repeated_finals(self) -> int:
        """Messages about turns that had their final already."""
        return self._turns.repeated

    def actions(self) -> list[Action]:
        """Return what is to be done, in order; the caller does it."""
        out, self._actions = self._actions, []
        return out

    def happenings(self) -> list[Happening]:
        """Return what was learnt, in order."""
        out, self._happenings = self._happenings, []
        return out

    def connected(self, now: float) -> None:
        """Take note that the upgrade succeeded; Begin is awaited."""
        self._step(Input.CONNECTED)
        self._deadline = now + self._limits.begin_s
        self._heard_at = self._pinged_at = now

    def received(self, data: str | bytes, now: float) -> None:
        """Take one text frame of the server."""
        message = messages.read(data)
        match message:
            case Begin():
                self._step(Input.BEGIN)
            case Termination():
                self._step(Input.TERMINATION)
            case _:
                self._step(Input.MESSAGE)
        self._alive(now)
        self._take(message, now)

    def pong(self, now: float) -> None:
        """Take a pong, or a ping of the server's: somebody is there."""
        self._step(Input.PONG)
        self._alive(now)

    def lost(self, failure: Failure) -> None:
        """Take note that the connection failed, was closed by the server, or broke."""
        draining = self.state is State.DRAINING
        self._step(Input.LOST)
        self._flush()
        if draining and failure.code == NORMAL_CLOSE and self._error is None:
            self._deadline = None
            self._happenings.append(Terminated())
            return
        if self._error is not None and failure.kind in (Kind.CLOSE, Kind.NETWORK):
            # The close reason is limited to 123 bytes; the Error before it has the whole text.
            failure = _of_error(self._error, failure)
        elif draining and failure.code is None:
            failure = Failure(failure.kind, f"no Termination: {failure.text}")
        self._end(failure)

    def audio(self, parts: Sequence[tuple[int, bytes]]) -> None:
        """Send one frame: stretches of captured audio (first sample number, s16le), 50 to 1000 ms in all.

        Raises:
            LocalProtocolError: the state or the length forbids it, or a part holds half a sample.
        """
        pcm = self._frame(parts, LEAST_FRAME_MS)
        self._step(Input.AUDIO)
        self._note(parts)
        self._actions.append(SendAudio(pcm))

    def configure(self, fields: messages.Fields) -> None:
        """Change parameters (v3 names) of the running session."""
        self._step(Input.CONFIGURE)
        if isinstance(fields.get("format_turns"), bool):
            self._turns.format_turns = fields["format_turns"] is True
        self._actions.append(SendText(messages.update_configuration(fields)))

    def endpoint(self) -> None:
        """End the current turn now; its final follows if there is one."""
        self._step(Input.ENDPOINT)
        self._actions.append(SendText(messages.FORCE_ENDPOINT))

    def terminate(self, tail: Sequence[tuple[int, bytes]], now: float) -> None:
        """Send the last audio (less than a frame, or nothing) and ask for the last words.

        A tail under 50 ms is padded with zeros; they count as sent, never as captured.
        """
        pcm = self._frame(tail, 0)
        self._step(Input.TERMINATE)
        if pcm:
            self._note(tail)
            least = self._rate_hz * LEAST_FRAME_MS // 1000
            missing = max(0, least - len(pcm) // BYTES_PER_SAMPLE)
            self._timeline.pad(missing)
            self._actions.append(SendAudio(pcm + bytes(missing * BYTES_PER_SAMPLE)))
        self._actions.append(SendText(messages.TERMINATE))
        self._deadline = now + self._limits.drain_s

    def abandon(self, failure: Failure) -> None:
        """End the session from our side without waiting for its last words."""
        connected = self.state is not State.CONNECTING
        asked = self.state is State.DRAINING
        self._step(Input.ABANDON)
        if connected and not asked:
            # Without it the service keeps (and bills) the session until it expires.
            self._actions.append(SendText(messages.TERMINATE))
        self._actions.append(Close() if connected else Abort())
        self._flush()
        self._end(failure)

    def tick(self, now: float) -> None:
        """Do what is due: pings, deadlines, a held final."""
        self._step(Input.TICK)
        if self.state is State.CLOSED:
            return
        if (stalled := now - self._ticked) > STALL_S:
            self._heard_at += stalled
            self._deadline = self._deadline and self._deadline + stalled
        self._ticked = now
        for reading in self._turns.tick(now):
            self._tell(reading)
        if self._deadline is not None and now >= self._deadline:
            self._overdue()
        elif self.state is not State.CONNECTING:
            self._keep_alive(now)

    def _step(self, event: Input) -> None:
        target = TRANSITIONS[self.state].get(event)
        if target is None:
            raise LocalProtocolError(f"{event} in state {self.state}")
        self.state = target

    def _take(self, message: ServerMessage, now: float) -> None:
        match message:
            case Begin(session_id, expires_at, model):
                if self.state is not State.LIVE or self._began:
                    self._odd("a second Begin")
                    return
                self._began = True
                self._deadline = None
                self._happenings.append(Began(session_id, expires_at, model))
            case Termination():
                self._flush()
                self._actions.append(Close())
                self._happenings.append(Terminated())
            case ServiceError():
                self._error = message
                # A close follows; where it does not, the session is over all the same.
                self._deadline = now + CLOSE_S
            case ServiceWarning(code, text):
                self._happenings.append(Warned(text if code is None else f"{code}: {text}"))
            case Unknown(kind):
                self.unknown += 1
                self.last_oddity = f"unknown type {kind}"
            case Unreadable(why):
                self._odd(why)
            case _ if self.state is State.OPEN:
                self._odd(f"{type(message).__name__} before Begin")
            case Turn():
                for reading in self._turns.push(message, now):
                    self._tell(reading)
            case SpeechStarted(timestamp_ms):
                self._happenings.append(SpeechBegan(self._timeline.start(timestamp_ms)))
            case Heartbeat(received_ms):
                self._happenings.append(ReceivedThrough(self._timeline.end(received_ms)))
            case Silence(_, end_ms):
                self._happenings.append(SilentThrough(self._timeline.end(end_ms)))
            case SpeakerRevision():
                self._happenings.append(message)
            case messages.LLMGatewayResponse():
                self.unknown += 1

    def _tell(self, reading: Reading) -> None:
        turn = reading.turn
        words = tuple(
            HeardWord(
                word.text,
                self._timeline.start(word.start_ms),
                self._timeline.end(word.end_ms),
                word.confidence,
                word.final,
                word.speaker,
            )
            for word in turn.words
        )
        self._happenings.append(HeardTurn(turn.order, reading.final, turn, words, reading.received_at))

    def _flush(self) -> None:
        for reading in self._turns.flush():
            self._tell(reading)

    def _end(self, failure: Failure) -> None:
        self._deadline = None
        self._happenings.append(Failed(failure))

    def _odd(self, why: str) -> None:
        self.oddities += 1
        self.last_oddity = why

    def _alive(self, now: float) -> None:
        self._heard_at = now
        self._awaits_pong = False

    def _keep_alive(self, now: float) -> None:
        if self._awaits_pong and now - max(self._pinged_at, self._heard_at) >= self._limits.pong_s:
            self._fail(Failure(Kind.DEAD, f"no answer to a ping for {self._limits.pong_s:g} s"))
        elif not self._awaits_pong and now - self._pinged_at >= self._limits.ping_s:
            self._pinged_at = now
            self._awaits_pong = True
            self._actions.append(SendPing())

    def _overdue(self) -> None:
        if self._error is not None:
            self._fail(_of_error(self._error, Failure(Kind.CLOSE, "")))
            return
        awaited = {State.CONNECTING: "connection", State.OPEN: "Begin"}.get(self.state, "Termination")
        limit = {State.CONNECTING: self._limits.connect_s, State.OPEN: self._limits.begin_s}
        waited_s = limit.get(self.state, self._limits.drain_s)
        self._fail(Failure(Kind.TIMEOUT, f"no {awaited} within {waited_s:g} s"))

    def _fail(self, failure: Failure) -> None:
        self.state = State.CLOSED
        self._actions.append(Abort())
        self._flush()
        self._end(failure)

    def _frame(self, parts: Sequence[tuple[int, bytes]], least_ms: int) -> bytes:
        if any(len(pcm) % BYTES_PER_SAMPLE for _, pcm in parts):
            raise LocalProtocolError("a frame with half a sample")
        pcm = b"".join(part for _, part in parts)
        ms = len(pcm) * 1000 / BYTES_PER_SAMPLE / self._rate_hz
        if not least_ms <= ms <= MOST_FRAME_MS:
            raise LocalProtocolError(f"a frame of {ms:g} ms: must be {least_ms} to {MOST_FRAME_MS} ms")
        return pcm

    def _note(self, parts: Sequence[tuple[int, bytes]]) -> None:
        for sample, pcm in parts:
            if pcm:
                self._timeline.append(sample, len(pcm) // BYTES_PER_SAMPLE)


def _of_error(error: ServiceError, close: Failure) -> Failure:
    code = error.code if error.code is not None else close.code
    return Failure(Kind.CLOSE, error.text or close.text, code, error.retry_after_s)
