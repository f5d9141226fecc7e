"""Core: what a source's failures and successes amount to: starting, well, outage, refused.

One failed attempt is no outage yet while the service is still coming up, and a refusal none at all:
that is for a person to put right. What changes is told once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random

from heard.upstream.backoff import Backoff, Failure, Kind, Verdict
from heard.upstream.pace import slower

log = logging.getLogger(__name__)

START_RETRY_S = 0.2

Tell = Callable[[str, str | None, str], None]
"""Publishes an event of `upstream.SOURCE`: its name, the session, the reason."""


class Health:
    """How the service does for one source; `now` is monotonic seconds.

    Args:
        source: its name.
        rng: for the waits between attempts.
        pace: times real time at most; None: as fast as the service takes it.
        start_s: the service may take so long to come up at first.
        tell: publishes what changes.
    """

    def __init__(self, source: str, rng: Random, *, pace: float | None, start_s: float, tell: Tell) -> None:
        self.error: str | None = None
        """What is wrong now."""
        self.outage = False
        self.reconnects = 0
        """Sessions opened because another broke."""
        self.rate = pace
        """Times real time that the next session is sent at most."""
        self._source = source
        self._pace = pace
        self._start_s = start_s
        self._tell = tell
        self._backoff = Backoff(rng)
        self._start_until: float | None = None
        self._began = False
        self._told_open = False
        self._failed_before = False
        self._coming_up = False

    @property
    def refused(self) -> bool:
        """Whether trying again would not help."""
        return self._backoff.refused

    def may_try(self, now: float) -> bool:
        """Whether an attempt is due."""
        return now >= self._backoff.due

    def near(self, now: float) -> bool:
        """Whether an outage has only just begun, or there is none."""
        return self._backoff.near(now)

    def trying(self, now: float) -> None:
        """Take note of an attempt."""
        if self._start_until is None:
            self._start_until = now + self._start_s
        if not self.outage and not self.refused and not self._coming_up:
            self._tell("connecting", None, "")
        self._coming_up = False

    def began(self) -> None:
        """Take note that the service has accepted a session."""
        self._began = True
        self._backoff.began()

    def opened(self, session: str) -> bool:
        """Take note that the live audio is being heard (again); return whether that follows a failure."""
        after_failure = self._failed_before
        self.reconnects += after_failure and self._told_open
        self._failed_before = False
        self._told_open = True
        log.info("%s: session %s is open", self._source, session)
        self._tell("open", session, "")
        self.well()
        return after_failure

    def well(self) -> None:
        """Take note that nothing is wrong any more."""
        self.outage = False
        self.error = None
        self._backoff.refused = False

    def at_once(self) -> None:
        """Forget every failure: an operator said so."""
        self._backoff.at_once()
        self.error = None
        self.rate = self._pace

    def there(self, now: float) -> None:
        """Take note that another source has reached the service."""
        self._backoff.there(now)

    def spare_failed(self, failure: Failure, now: float, *, reached: bool) -> None:
        """Take note that a session that was to replace a running one failed; that one goes on."""
        self._backoff.failed(failure, now, 0.0, reached=reached)
        self.error = f"no session to replace the running one: {failure}"
        log.warning("%s: %s", self._source, self.error)

    def failed(
        self,
        failure: Failure,
        session: str | None,
        healthy_s: float,
        now: float,
        *,
        reached: bool = True,
        alone: bool = True,
    ) -> None:
        """Decide when to try again after a session that was open for `healthy_s`, and say what happened.

        reached, alone: see `Backoff.failed`.
        """
        starting = not self._began and failure.kind is Kind.NETWORK
        if starting and self._start_until is not None and now < self._start_until:
            self._coming_up = True
            self._backoff.due = now + START_RETRY_S
            return
        was_refused = self.refused
        self._failed_before = True
        verdict = self._backoff.failed(failure, now, healthy_s, reached=reached, alone=alone)
        if verdict is Verdict.SLOWER:
            self.rate = slower(self.rate)
        if failure.kind is Kind.OPERATOR:
            log.info("%s: session dropped: %s", self._source, failure)
            self._tell("closed", session, str(failure))
        elif self.refused:
            # What was refused is the key or the request; both are for a person to put right.
            what = "key refused" if verdict is Verdict.REFUSED else "request refused"
            self.error = f"{what}: {failure}"
            self.outage = False
            if not was_refused:
                log.error("%s: %s", self._source, self.error)
                self._tell("refused", session, self.error)
        else:
            self.error = str(failure)
            if not self.outage:
                self.outage = True
                log.warning("%s: no session: %s", self._source, failure)
                self._tell("outage", session, self.error)
