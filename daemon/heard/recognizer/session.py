"""One v3 session: what the client sent goes in, what to send it comes out. No socket, no clock.

Times come in as arguments, in seconds of any monotonic clock. The speech itself is the stream's;
its words come back within the call that brought the audio. The caller sends every `Send` in order
and closes at a `Close`, after which nothing may be called any more.
"""

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never
from urllib.parse import urlsplit

from . import messages
from .audio import AudioInput
from .engines import Final, Partial, SpeechEvent, SpeechStarted, SpeechStream, StreamingEngine
from .errors import ClientError
from .messages import ForceEndpoint, KeepAlive, Terminate, UpdateConfiguration
from .parameters import WARNING_NO_EFFECT, Parameters, apply_update, read_query

PATH = "/v3/ws"
MAX_SESSION_S = 10_800.0
HEARTBEAT_S = 1.0
SILENCE_MS = 1000
BEHIND_MS = 1000
"""With more than this received without a wait in between, audio is coming faster than it is read."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Send:
    """Send this text frame."""

    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close with this code and reason; nothing follows."""

    code: int
    reason: str = ""


Output: TypeAlias = Send | Close


def refusal(error: ClientError) -> list[Output]:
    """Return how a session ends that broke a rule: Error, then a close with the same code."""
    return [
        Send(messages.error(error.code, error.text)),
        Close(error.code, messages.close_reason(error.text)),
    ]


def authorize(key: str | None, headers: Mapping[str, str], parameters: Parameters) -> None:
    """Check the raw key in `Authorization` or in the query's `token`; no key, no check.

    Raises:
        ClientError: 1008 with the service's text.
    """
    if key is None:
        return
    offered = headers.get("Authorization") or parameters.token or ""
    if not hmac.compare_digest(offered.encode(errors="replace"), key.encode()):
        raise ClientError(messages.UNAUTHORIZED, "Unauthorized Connection: Missing Authorization header")


def query_of(target: str) -> str:
    """Return the query part of a request's target."""
    return urlsplit(target).query


def parameters_of(target: str) -> Parameters:
    """Return the parameters in a request's target; see `read_query`."""
    return read_query(query_of(target))


class Session:
    """The protocol's side of one session; used by one thread.

    Args:
        session_id: told in Begin.
        engine: gives the stream of this session.
        parameters: from the upgrade's query.
        now_s: the moment the session begins.
        max_session_s: the session expires after this long.
    """

    def __init__(
        self,
        *,
        session_id: str,
        engine: StreamingEngine,
        parameters: Parameters,
        now_s: float,
        max_session_s: float = MAX_SESSION_S,
    ) -> None:
        self._id = session_id
        self._model = engine.name
        self._parameters = parameters
        self._audio = AudioInput(encoding=parameters.encoding, rate_hz=parameters.rate_hz)
        self._stream: SpeechStream = engine.open(parameters.turns)
        self._turn_order = 0
        self._began_s = now_s
        self._expires_s = now_s + max_session_s
        self._heard_from_s = now_s
        self._heartbeat_s = now_s
        self._silent_from_ms = 0
        self._unwaited_ms = 0.0

    def begin(self, *, unix_s: float) -> list[Output]:
        """Return Begin, and a Warning for each parameter without effect."""
        expires_at = int(unix_s + self._expires_s - self._began_s)
        begin = messages.begin(self._id, expires_at=expires_at, model=self._model)
        return [Send(begin), *self._warnings()]

    def next_due_s(self) -> float:
        """Return when `tick` is to be called at the latest."""
        due = self._expires_s
        if self._parameters.heartbeat:
            due = min(due, self._heartbeat_s + HEARTBEAT_S)
        if self._parameters.inactivity_timeout_s is not None:
            due = min(due, self._heard_from_s + self._parameters.inactivity_timeout_s)
        return due

    def waited(self) -> None:
        """Say that the client had sent nothing more: all that came has been dealt with."""
        self._unwaited_ms = 0.0

    def tick(self, now_s: float) -> list[Output]:
        """Return what is due by now: expiry, the end of patience, a heartbeat."""
        if now_s >= self._expires_s:
            return self._expire(messages.EXPIRED, "Session Expired: Maximum session duration exceeded")
        timeout_s = self._parameters.inactivity_timeout_s
        if timeout_s is not None and now_s >= self._heard_from_s + timeout_s:
            return self._expire(
                messages.CANCELLED,
                f"Session Cancelled: Nothing received for {timeout_s} s (inactivity_timeout)",
            )
        if self._parameters.heartbeat and now_s >= self._heartbeat_s + HEARTBEAT_S:
            self._heartbeat_s = now_s
            text = messages.heartbeat(
                round(self._audio.received_s * 1000),
                round((now_s - self._began_s) * 1000),
                self._stream.take_speech_probability(),
            )
            return [Send(text)]
        return []

    def receive(self, message: str | bytes, now_s: float) -> list[Output]:
        """Take one frame of the client, text or audio, and return the answer.

        This may take as long as reading a turn does. What breaks a rule is answered, not raised.
        """
        self._heard_from_s = now_s
        try:
            if isinstance(message, bytes):
                return self._receive_audio(message)
            return self._receive_message(message, now_s)
        except ClientError as error:
            _LOG.info("session %s: closed with %d: %s", self._id, error.code, error.text)
            return refusal(error)

    def _receive_audio(self, data: bytes) -> list[Output]:
        duration_ms = self._audio.duration_ms(data)
        messages.check_frame_duration(duration_ms)
        self._unwaited_ms += duration_ms
        behind = self._unwaited_ms > BEHIND_MS
        events = self._stream.push(self._audio.decode(data), behind=behind)
        return [*self._say(events), *self._acknowledge_silence()]

    def _receive_message(self, text: str, now_s: float) -> list[Output]:
        match messages.read_message(text):
            case UpdateConfiguration(fields):
                self._parameters = apply_update(self._parameters, fields)
                self._stream.update(self._parameters.turns)
                return self._warnings()
            case ForceEndpoint():
                return self._say(self._stream.force_endpoint())
            case KeepAlive():
                return []
            case Terminate():
                last = self._finish()
                text = messages.termination(self._audio.received_s, now_s - self._began_s)
                return [*last, Send(text), Close(messages.NORMAL)]
            case never:
                assert_never(never)

    def _expire(self, code: int, text: str) -> list[Output]:
        return [*self._finish(), *refusal(ClientError(code, text))]

    def _finish(self) -> list[Output]:
        rest = self._audio.flush()
        return self._say([*self._stream.push(rest, behind=True), *self._stream.finish()])

    def _say(self, events: list[SpeechEvent]) -> list[Output]:
        said: list[Output] = []
        for event in events:
            match event:
                case SpeechStarted(start_ms, confidence):
                    said.append(Send(messages.speech_started(start_ms, confidence)))
                case Partial(words):
                    said.append(Send(messages.turn(self._turn_order, words, final=False)))
                case Final(words):
                    said.append(Send(messages.turn(self._turn_order, words, final=True)))
                    self._turn_order += 1
                case never:
                    assert_never(never)
        return said

    def _acknowledge_silence(self) -> list[Output]:
        now_ms = round(self._audio.received_s * 1000)
        if self._stream.turn_open or not self._parameters.acknowledge_silence:
            self._silent_from_ms = now_ms
            return []
        start_ms = self._silent_from_ms
        if now_ms - start_ms < SILENCE_MS:
            return []
        self._silent_from_ms = now_ms
        return [Send(messages.silence(start_ms, now_ms))]

    def _warnings(self) -> list[Output]:
        return [
            Send(messages.warning(WARNING_NO_EFFECT, f"{name} has no effect on this server"))
            for name in self._parameters.no_effect
        ]
