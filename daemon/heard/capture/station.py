"""One source: its input, its track and its state, and what it tells the world about them."""

from __future__ import annotations

import logging
import math
from enum import StrEnum

from heard.capture.account import MUTED, Account, Publish
from heard.capture.blocks import Track
from heard.capture.level import Level
from heard.capture.lost import InputLostError, MovedError
from heard.capture.source import Heard, Input, Now
from heard.capture.verdicts import Verdicts
from heard.capture.windows import Windows
from heard.meters import Latency
from heard.settings import WORKING_RATE_HZ, Source
from heard.wire.audio import Block, End
from heard.wire.codec import Body
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Between two tries to open an input that is lost."""
ACCOUNT_LAG_S = 0.5
"""Time without audio is counted this late: a device's first samples are older than their arrival."""
FAST_AHEAD_S = 10.0
"""How far an input that can wait is read ahead of what upstream has sent."""


class State(StrEnum):
    """State of a source, as the status shows it."""

    LIVE = "live"
    MUTED = "muted"
    LOST = "lost"
    ENDED = "ended"


class Station:
    """Source `source`, fed by `source_input` into `track`.

    It takes up what an earlier process of this run left in the track. `muted`: it starts muted.
    """

    def __init__(
        self,
        source: Source,
        source_input: Input,
        track: Track,
        *,
        retention_s: float,
        muted: bool,
        publish: Publish,
    ) -> None:
        self.name = source.name
        self.track = track
        self._source = source
        self._input = source_input
        self._publish = publish
        self._ahead = int(min(FAST_AHEAD_S, retention_s / 2) * WORKING_RATE_HZ)
        self._started = False
        self._tried = False
        self._told_lost = False
        self._retry_at = 0.0
        self._clipped_before = track.record.clipped
        self._latency = Latency()
        self._windows = Windows()
        self._level = Level()
        self._verdicts = Verdicts()
        self._account = Account(track, publish)
        record = track.record
        if record.ended:
            self.state = State.ENDED
        elif muted:
            self.state = State.MUTED
        else:
            # Until the first audio nothing says that it is there; an input that can wait is.
            self.state = State.LOST if source_input.goes_on else State.LIVE

    @property
    def settled(self) -> bool:
        """Whether it is known if the source works: the input delivers, or has failed once."""
        return self._tried or self.state in (State.MUTED, State.ENDED)

    def open(self, now: Now) -> None:
        """Begin; what a predecessor left open is closed or continued."""
        track, record = self.track, self.track.record
        if not record.accounted:
            record.accounted = now.utc
        if self.state is State.MUTED:
            self._silence(End.MUTED, MUTED, now)
        elif self._input.goes_on and (track.open or record.interrupted):
            self._silence(End.RESTART, "capture-restart", now)
        elif self.state is State.LIVE and record.hole:
            # Muted while a predecessor ran, and no longer.
            self._input.skip(now)
        if self.state in (State.LIVE, State.LOST):
            self._start(now)
        if self.state is State.LIVE:
            self._tell("live")
        track.touch()

    def tick(self, now: Now) -> None:
        """Take in what the input has, and count time that brings nothing."""
        match self.state:
            case State.MUTED:
                self._input.skip(now)
                self._note_place()
                if self._input.ended:
                    self._end(now)
            case State.LIVE | State.LOST:
                self._listen(now)
            case State.ENDED:
                return
        self._account.count(now.utc - ACCOUNT_LAG_S)

    def mute(self, now: Now) -> None:
        """Close the input until `unmute`."""
        if self.state in (State.MUTED, State.ENDED):
            return
        self._input.stop()
        self._started = False
        self._silence(End.MUTED, MUTED, now)
        self.state = State.MUTED
        self._told_lost = False
        self._tell("muted")

    def unmute(self, now: Now) -> None:
        """Open the input again."""
        if self.state is not State.MUTED:
            return
        self._input.skip(now)
        self.state = State.LOST if self._input.goes_on else State.LIVE
        self._tell("unmuted")
        self._start(now)
        if self.state is State.LIVE:
            self._tell("live")

    def wake(self, slept_s: float, now: Now) -> None:
        """Open a device anew after the machine slept: what it delivers now may be stale, or nothing."""
        if self._started and self._input.goes_on:
            self._lose(f"the machine was asleep for {slept_s:.1f} s", now, wait_s=0.0)

    def stop(self) -> None:
        """Close the input for good and end the segment; the run is over."""
        self._input.stop()
        self.track.end(End.SHUTDOWN)
        self.state = State.ENDED

    def handed(self, block: Block, at: float) -> None:
        """Note that `block` left at `at` (UTC)."""
        if block.samples:
            spoken = block.time + block.samples / WORKING_RATE_HZ
            self._latency.add(max(0.0, at - spoken) * 1000)

    def report_losses(self) -> None:
        """Publish what the track gave up."""
        self._account.report(self.track.losses())

    def status(self) -> Body:
        """Return this stage's part of the source's status."""
        record = self.track.record
        quantiles = self._latency.quantiles()
        return {
            "state": str(self.state),
            "started": record.started or None,
            "input": self._source.input,
            "device": self._source.device if self._source.input == "device" else self._input.label,
            "opened": self._input.opened,
            "rate_hz": self._input.rate_hz,
            "verdicts": list(self._verdicts.names),
            "level_dbfs": self._level.reading() if self.state is State.LIVE else None,
            "xruns": record.xruns,
            "ledger": dict(record.ledger.status()),
            "latency_ms": {} if quantiles is None else {"capture": dict(quantiles)},
        }

    @property
    def answer(self) -> str:
        """The state for whoever muted or unmuted it: a device that is being opened counts as live."""
        return str(State.LIVE if self._started and self._input.opening else self.state)

    def _start(self, now: Now) -> None:
        self._started = True
        self._input.start(now)

    def _listen(self, now: Now) -> None:
        if not self._started:
            if now.mono >= self._retry_at:
                self._start(now)
            return
        room = self._ahead - self.track.unsent
        try:
            heard = self._input.read(now, max(room, 0))
        except InputLostError as error:
            self._lose(str(error), now, wait_s=0.0 if isinstance(error, MovedError) else RETRY_S)
            return
        for each in heard:
            self._take(each, now)
        if heard:
            self._note_place()
        self._tried = self._tried or not self._input.opening
        if self._input.ended:
            self._end(now)

    def _take(self, heard: Heard, now: Now) -> None:
        track = self.track
        if heard.lost_s > 0 and track.open:
            self._account.overrun(heard)
        if not track.open:
            heard = self._fresh(heard)
        if not len(heard.pcm):
            return
        if not track.open:
            self._account.fill(heard.time if self._input.goes_on else now.utc)
            track.begin(heard.time)
        if self.state is State.LOST:
            self.state = State.LIVE
            self._told_lost = False
            self._verdicts.monitor = self._input.kind == "monitor"
            self._tell("live", self._input.label)
            log.info("%s: hearing %s", self.name, self._input.label)
        track.append(heard.pcm, heard.time)
        for window in self._windows.take(heard.pcm):
            self._level.add(window)
            for change in self._verdicts.hear(window):
                if change.begins:
                    log.warning("%s: %s: %s", self.name, change.name, change.detail)
                event = "verdict" if change.begins else "verdict-over"
                self._tell(event, change.detail, change.name)

    def _note_place(self) -> None:
        """Keep what the next process must know of the input, where that changed."""
        record = self.track.record
        place, clipped = self._input.place, self._clipped_before + self._input.clipped
        if (record.place, record.clipped) != (place, clipped):
            record.place, record.clipped = place, clipped
            self.track.touch()

    def _fresh(self, heard: Heard) -> Heard:
        """Leave out what is older than the account: that time is in a gap already, or was muted.

        A sound server that hung may deliver on its return what it had recorded before.
        """
        record = self.track.record
        stale = math.ceil((record.accounted - heard.time) * WORKING_RATE_HZ)
        if not record.hole or not self._input.goes_on or stale <= 0:
            return heard
        left = heard.pcm[stale:]
        return Heard(left, heard.time + min(stale, len(heard.pcm)) / WORKING_RATE_HZ)

    def _lose(self, why: str, now: Now, *, wait_s: float) -> None:
        self._input.stop()
        self._started = False
        self._retry_at = now.mono + wait_s
        if not self._told_lost:
            log.warning("%s: lost: %s", self.name, why)
            self._tell("lost", why)
        self._tried = self._told_lost = True
        self.state = State.LOST
        self._silence(End.LOST, "device-lost", now)

    def _end(self, now: Now) -> None:
        self._input.stop()
        self._started = False
        self._account.fill(now.utc)
        self.track.end(End.ENDED)
        self.track.record.ended = True
        self._windows.forget()
        self._verdicts.forget()
        self.track.touch()
        self.state = State.ENDED
        self._tried = True
        log.info("%s: %s is at its end", self.name, self._input.label)
        self._tell("ended")

    def _silence(self, why: End, hole: str, now: Now) -> None:
        """End the segment; from now on time goes to the account of `hole`."""
        self.track.end(why)
        self._account.open(hole, now.utc, waits=not self._input.goes_on)
        self._windows.forget()
        self._verdicts.forget()

    def _tell(self, event: str, detail: str = "", verdict: str | None = None) -> None:
        self._publish(Topic.SOURCE, self.name, {"event": event, "detail": detail, "verdict": verdict})
