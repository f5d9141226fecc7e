"""Core: the life of one child process, from its exits and reports. Time comes in as an argument.

starting ──report──▶ ready
   │  ▲                │
  exit └──due──┐      exit
   ▼           │       ▼
backing-off ◀──┴── backing-off          failed: too many starts in a row never got ready
   any ──stop──▶ stopping
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FIRST_DELAY_S = 0.05
LONGEST_DELAY_S = 5.0
LONGEST_DELAY_KILLED_S = 0.8
"""The same where it was killed from outside after it was ready: that is no crash loop, and audio waits."""
HEALTHY_S = 5.0
"""A process that was ready for so long starts again at FIRST_DELAY_S when it exits."""
GIVE_UP_AFTER = 6
"""Starts in a row that ended before the process was ready."""
START_LIMIT_S = 30.0
"""A start that takes longer counts as failed; the process is killed."""


class State(StrEnum):
    """What the status says of a process."""

    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing-off"
    FAILED = "failed"
    STOPPING = "stopping"


@dataclass(slots=True)
class Life:
    """State of one process. Every method takes monotonic seconds."""

    state: State = State.BACKING_OFF
    restarts: int = 0
    due: float = 0.0
    """When the next start is due; meaningful while backing off."""
    _started: float = 0.0
    _ready_since: float | None = None
    _failed_starts: int = 0
    _delay_s: float = FIRST_DELAY_S
    _first: bool = True

    def start_due(self, now: float) -> bool:
        """Whether the process should be started now."""
        return self.state is State.BACKING_OFF and now >= self.due

    def started(self, now: float) -> None:
        """Note that the process was started."""
        self.state = State.STARTING
        self.restarts += not self._first
        self._first = False
        self._started = now
        self._ready_since = None

    def reported_ready(self, now: float) -> None:
        """Note that the process says it does its work."""
        if self.state is State.STARTING:
            self.state = State.READY
            self._ready_since = now
            self._failed_starts = 0

    def exited(self, now: float, *, killed: bool = False) -> None:
        """Note that the process is gone; what comes next is in `state` and `due`.

        `killed`: by SIGKILL, which no process does to itself. What the kernel kills for want of memory is
        among them, so there is a delay still.
        """
        if self.state in (State.STOPPING, State.FAILED):
            return
        if self._ready_since is None:
            self._failed_starts += 1
            if self._failed_starts >= GIVE_UP_AFTER:
                self.state = State.FAILED
                return
        elif now - self._ready_since >= HEALTHY_S:
            self._delay_s = FIRST_DELAY_S
        self.state = State.BACKING_OFF
        longest = LONGEST_DELAY_KILLED_S if killed and self._ready_since is not None else LONGEST_DELAY_S
        self._delay_s = min(self._delay_s, longest)
        self.due = now + self._delay_s
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)

    def stop(self) -> None:
        """Note that the process was asked to end: its exit is no failure."""
        if self.state is not State.FAILED:
            self.state = State.STOPPING

    def overdue(self, now: float) -> bool:
        """Whether a start takes longer than START_LIMIT_S and should be ended."""
        return self.state is State.STARTING and now - self._started > START_LIMIT_S

    @property
    def up(self) -> bool:
        """Whether the process does its work."""
        return self.state is State.READY
