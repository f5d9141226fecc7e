"""Core: the time at which a source captures nothing, on its ledger and told in gaps.

Either audio flows, or a *hole* is open: time that goes to the muted account, or to that of a gap's reason.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from heard.capture.blocks import Loss, Track
from heard.capture.source import Heard
from heard.settings import WORKING_RATE_HZ
from heard.wire.codec import Body
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

MUTED = "muted"
ON_PURPOSE = frozenset({"silence"})
"""Reasons of what was given up that nobody misses."""

Publish = Callable[[Topic, str, Body], None]
"""Publishes a body on a topic of a source; never waits."""


class Account:
    """The time of the source whose track this is."""

    def __init__(self, track: Track, publish: Publish) -> None:
        self._track = track
        self._publish = publish

    def open(self, hole: str, until: float, *, waits: bool) -> None:
        """Let time go to the account of `hole` from where the last one ended; `until` (UTC) is now.

        `waits`: the input's sound does not go on while nobody hears it.
        """
        record = self._track.record
        if record.hole == hole:
            return
        if record.hole:
            # Lost and then muted, or unmuted and not there: each has its own account.
            self.fill(until)
        elif waits:
            # The times of a file at pace "fast" are not those at which it is read.
            record.accounted = until
        record.hole, record.hole_since = hole, record.accounted
        self._track.touch()

    def count(self, until: float) -> None:
        """Count what was not heard up to `until` (UTC)."""
        record = self._track.record
        samples = math.floor((until - record.accounted) * WORKING_RATE_HZ)
        if not record.hole or samples <= 0:
            return
        if record.hole == MUTED:
            record.ledger.muted += samples
        else:
            record.ledger.add_gap(record.hole, samples)
        record.accounted += samples / WORKING_RATE_HZ
        self._track.touch()

    def fill(self, until: float) -> None:
        """End the hole, if there is one, at `until` (UTC): audio begins again."""
        record = self._track.record
        self.count(until)
        hole, record.hole = record.hole, ""
        if hole and hole != MUTED:
            seconds = max(record.accounted - record.hole_since, 0.0)
            log.warning("%s: %.3f s were not captured: %s", self._track.name, seconds, hole)
            self._tell(hole, round(seconds * WORKING_RATE_HZ), record.hole_since, record.accounted)
        self._track.touch()

    def overrun(self, heard: Heard) -> None:
        """Count what is missing right before `heard`."""
        record = self._track.record
        samples = round(heard.lost_s * WORKING_RATE_HZ)
        record.xruns += 1
        record.ledger.add_gap("xrun", samples)
        self._track.touch()
        log.warning("%s: overrun: %.3f s lost", self._track.name, heard.lost_s)
        self._tell("xrun", samples, heard.time - heard.lost_s, heard.time)

    def report(self, losses: list[Loss]) -> None:
        """Tell what was given up of what had been captured."""
        for loss in losses:
            if loss.reason in ON_PURPOSE:
                seconds = loss.samples / WORKING_RATE_HZ
                log.debug("%s: %.1f s given up: %s", self._track.name, seconds, loss.reason)
                continue
            log.warning("%s: %d samples dropped: %s", self._track.name, loss.samples, loss.reason)
            self._tell(loss.reason, loss.samples, loss.start, loss.stop)

    def _tell(self, reason: str, samples: int, start: float, end: float) -> None:
        body: Body = {"reason": reason, "samples": samples, "start": start, "end": end}
        self._publish(Topic.GAP, self._track.name, body)
