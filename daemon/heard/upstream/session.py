"""Core: one v3 session, by the table of `states`. No socket, no thread, no clock.

What happens goes in by method, each with `now` (monotonic seconds); what is to be done comes out of
`actions`, what was learnt out of `happenings`, both in order and once. Only `Begin` proves a session:
audio waits for it. An input that its state does not allow is our own mistake: it raises
LocalProtocolError and changes nothing. What the *server* does out of order is counted (`oddities`).
"""

from __future__ import annotations

from collections.abc import Sequence

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
from heard.upstream.states import TRANSITIONS, Input, Limits, LocalProtocolError, State
from heard.upstream.timeline import Timeline
from heard.upstream.turns import Reading, Turns
from heard.upstream.vigil import Vigil
from heard.wire.audio import BYTES_PER_SAMPLE

NORMAL_CLOSE = 1000
LEAST_FRAME_MS = 50
MOST_FRAME_MS = 1000
CLOSE_S = 2.0
"""How long an Error's close frame may take."""


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
        self._vigil = Vigil(limits, now)

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
        self._vigil.connected(now)

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
        self._vigil.alive(now)
        self._take(message, now)

    def pong(self, now: float) -> None:
        """Take a pong, or a ping of the server's: somebody is there."""
        self._step(Input.PONG)
        self._vigil.alive(now)

    def lost(self, failure: Failure) -> None:
        """Take note that the connection failed, was closed by the server, or broke."""
        draining = self.state is State.DRAINING
        self._step(Input.LOST)
        self._flush()
        if draining and failure.code == NORMAL_CLOSE and self._error is None:
            self._vigil.met()
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
        self._vigil.expect("Termination", self._limits.drain_s, now)

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
        self._vigil.tick(now)
        for reading in self._turns.tick(now):
            self._tell(reading)
        if (late := self._vigil.overdue(now)) is not None:
            self._fail(late if self._error is None else _of_error(self._error, Failure(Kind.CLOSE, "")))
        elif self.state is State.CONNECTING:
            return
        elif (dead := self._vigil.dead(now)) is not None:
            self._fail(dead)
        elif self._vigil.ping_due(now):
            self._actions.append(SendPing())

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
                self._vigil.met()
                self._happenings.append(Began(session_id, expires_at, model))
            case Termination():
                self._flush()
                self._actions.append(Close())
                self._happenings.append(Terminated())
            case ServiceError():
                self._error = message
                # A close follows; where it does not, the session is over all the same.
                self._vigil.expect("close", CLOSE_S, now)
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
        self._vigil.met()
        self._happenings.append(Failed(failure))

    def _odd(self, why: str) -> None:
        self.oddities += 1
        self.last_oddity = why

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
