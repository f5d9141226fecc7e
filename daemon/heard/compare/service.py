"""The words that a v3 service makes of a recording: one session for each, as `upstream` opens them.

The session, its pace and its connection are `upstream`'s own; here is only the loop around one session,
since a comparison needs none of what keeps a daemon going.
"""

from __future__ import annotations

import select
import time
from random import Random

from heard.denoise.pcm import Pcm
from heard.settings import WORKING_RATE_HZ, Settings, Upstream
from heard.upstream import messages
from heard.upstream.backoff import Backoff, Failure, Kind, SessionBudget, Verdict
from heard.upstream.configured import line_config
from heard.upstream.connection import Incoming, Lost, Pong, Target, Text
from heard.upstream.happenings import Failed, HeardTurn, Terminated
from heard.upstream.key import Key
from heard.upstream.pace import Pace
from heard.upstream.port import LineConfig
from heard.upstream.session import Session
from heard.upstream.sockets import Sockets
from heard.upstream.states import State
from heard.upstream.turns import text_of

ATTEMPTS = 3
"""Sessions for one recording, where the service fails in a way that may pass."""
POLL_S = 0.01
NUMBER = 0
"""Of the one connection that there is."""


class ServiceFailedError(Exception):
    """The service did not hear a recording to its end; `refused`: because of the key or the account."""

    def __init__(self, text: str, *, refused: bool) -> None:
        super().__init__(text)
        self.refused = refused


class Service:
    """A v3 service as it is configured (`[upstream]`), at its `url` whatever `service` says."""

    def __init__(self, settings: Settings, key: Key | None) -> None:
        self._settings = settings.upstream
        self._config = line_config("compare", "compare", settings, 0)
        self._key = key
        self._budget = SessionBudget(settings.upstream.sessions_per_minute)
        self._backoff = Backoff(Random())  # noqa: S311  # spreads attempts, keeps no secret

    @property
    def name(self) -> str:
        """The model and where it is."""
        return f"{self._settings.speech_model} at {self._settings.url}"

    def transcript(self, pcm: Pcm) -> str:
        """Return the text of all turns of a session that hears `pcm`; takes nearly as long as it lasts.

        Raises:
            ServiceFailedError: it was not heard to its end.
        """
        attempts = 0
        while True:
            self._wait()
            hearing = _Hearing(pcm, self._config, self._settings, self._key)
            try:
                said, failure = hearing.run()
            finally:
                hearing.close()
            if failure is None:
                self._backoff.at_once()
                return said
            attempts += 1
            verdict = self._backoff.failed(failure, time.monotonic(), 0.0)
            if self._backoff.refused or attempts == ATTEMPTS:
                text = f"{self._settings.url}: {failure}"
                raise ServiceFailedError(text, refused=verdict is Verdict.REFUSED)

    def _wait(self) -> None:
        """Wait until the account, and the service's last answer, allow another session."""
        while (now := time.monotonic()) < self._backoff.due or not self._budget.take(now):
            time.sleep(POLL_S)


class _Hearing:
    """One session on one recording; see `heard.upstream.sockets.Owner`."""

    def __init__(self, pcm: Pcm, config: LineConfig, settings: Upstream, key: Key | None) -> None:
        self._config = config
        terms, now = config.terms, time.monotonic()
        self._data = pcm.astype("<i2").tobytes()
        self._sent = 0
        self._said: list[str] = []
        self._failure: Failure | None = None
        self._over = False
        self._pace = Pace(self._config.pace, now)
        format_turns = terms.params.get("format_turns") is True
        self._session = Session(self._config.limits, WORKING_RATE_HZ, format_turns=format_turns, now=now)
        self._sockets = Sockets(self)
        target = Target(settings.url, ca_file=settings.ca_file, timeout_s=settings.connect_timeout_s)
        query = messages.query(terms.model, WORKING_RATE_HZ, terms.params)
        self._sockets.connect(NUMBER, target, query, key)

    def run(self) -> tuple[str, Failure | None]:
        """Return what was said, and why it is not all, None where it is."""
        poller = select.poll()
        poller.register(self._sockets.wake, select.POLLIN)
        poller.register(self._sockets.descriptor, select.POLLIN)
        while not self._over:
            ready = {descriptor for descriptor, _ in poller.poll(1000 * POLL_S)}
            if self._sockets.wake in ready:
                self._sockets.take_over()
            self._sockets.read()
            self._sockets.tick()
            self._session.tick(time.monotonic())
            self._pump()
            self._attend()
        return " ".join(self._said), self._failure

    def close(self) -> None:
        """Let go of the connection; a session that is not over is ended, so that it is not billed on."""
        if self._session.state not in (State.CLOSED, State.DRAINING):
            self._session.abandon(Failure(Kind.OPERATOR, "interrupted"))
            self._attend()
        self._sockets.close()

    def reached(self, number: int) -> None:
        """Somebody is there; here nobody has waited with anything for that."""

    def connected(self, number: int) -> None:
        """Take note that the connection is open."""
        del number
        self._session.connected(time.monotonic())

    def failed(self, number: int, failure: Failure) -> None:
        """Take note that it could not be made."""
        del number
        self._session.lost(failure)

    def incoming(self, number: int, message: Incoming) -> None:
        """Take what arrived."""
        del number
        if self._session.state is State.CLOSED:
            return
        match message:
            case Text(data):
                self._session.received(data, time.monotonic())
            case Pong():
                self._session.pong(time.monotonic())
            case Lost(failure):
                self._session.lost(failure)

    def released(self, number: int) -> None:
        """Nothing more comes."""

    def _pump(self) -> None:
        """Send what may be sent, and at the end ask for the last words."""
        frame = 2 * self._config.frame
        while self._session.state is State.LIVE and self._sockets.has_room(NUMBER):
            now = time.monotonic()
            part = self._data[self._sent : self._sent + frame]
            if len(part) < frame:
                self._session.terminate([(self._sent // 2, part)] if part else [], now)
            elif self._pace.allows(self._config.frame_ms / 1000, now):
                self._session.audio([(self._sent // 2, part)])
                self._pace.spend(self._config.frame_ms / 1000, now)
            else:
                return
            self._sent += len(part)
            self._act()

    def _act(self) -> None:
        for action in self._session.actions():
            self._sockets.perform(NUMBER, action)

    def _attend(self) -> None:
        """Do what the session asks, and take in what it learnt."""
        self._act()
        for happening in self._session.happenings():
            match happening:
                case HeardTurn(final=True, turn=turn):
                    self._said.append(text_of(turn))
                case Terminated():
                    self._over = True
                case Failed(failure):
                    self._failure, self._over = failure, True
                case _:
                    pass
