"""What counts as audio getting on, and what is an excuse for its not getting on."""

from __future__ import annotations

from typing import Any

import pytest

from heard.settings import Settings, Source
from heard.supervise.overview import Overview
from heard.supervise.progress import HANDSHAKE_S, REPORTING, SENDING_S, STILL_S, Progress
from heard.wire.codec import Body
from heard.wire.report import Report, StageState

RATE_HZ = 16000
UP = dict.fromkeys((*REPORTING, "recognizer"), "ready")


class World:
    """A daemon second by second. A process in `stopped` reports nothing, a position in `held` stays."""

    def __init__(self, *, local: bool = False, source_input: str = "device") -> None:
        source = Source(name="mic", input=source_input)  # type: ignore[arg-type]  # the tests' own words
        self.overview = Overview(Settings(source=(source,)), "run")
        self.progress = Progress(local=local)
        self.processes: dict[str, str] = dict(UP)
        self.state, self.session = "live", "open"
        self.stopped: set[str] = set()
        self.held: set[str] = set()
        self.at = {"capture": 0, "denoise": 0, "upstream": 0, "sent": 0}
        self.now = 100.0

    def tick(self, seconds: int = 1) -> list[str]:
        """Let so many seconds go by; return what stands still at their end."""
        found: list[str] = []
        for _ in range(seconds):
            self.now += 1
            before = ""
            for name, at in self.at.items():
                # What stands behind another has no more than that one passes on.
                limit = self.at[before] if before else at + RATE_HZ
                self.at[name] = (
                    at if name in self.stopped | self.held else max(at, min(limit, at + 20 * RATE_HZ))
                )
                before = name
            for process in REPORTING:
                if process not in self.stopped and self.processes[process] == "ready":
                    self.overview.take(self._report(process))
                    self.progress.reported(process, self.now)
            sources = {"mic": self.overview._source(self.overview.settings.source[0])}
            found = self.progress.stuck(self.processes, sources, self.overview.reports, self.now)
        return found

    def _report(self, process: str) -> Report:
        own: Body = {"at": {"mic": self.at.get(process, 0)}, "sent": {"mic": self.at["sent"]}}
        part: dict[str, Any] = {}
        if process == "capture":
            captured = self.at["capture"]
            ledger = {"captured": captured, "delivered": 0, "pending": captured, "dropped": {}}
            part = {"state": self.state, "ledger": {**ledger, "muted": 0, "gaps": {}}}
        if process == "upstream":
            backlog_s = (self.at["upstream"] - self.at["sent"]) / RATE_HZ
            status = {"service": "", "state": self.session, "session": None, "reconnects": 0, "rotations": 0}
            part = {"upstream": {**status, "backlog_s": backlog_s, "error": None}}
        return Report(process, 1, StageState.READY, {"mic": part}, own)


def test_audio_that_flows_is_progress() -> None:
    """A minute of it, and never a complaint."""
    world = World()
    assert [world.tick() for _ in range(60)] == [[]] * 60


@pytest.mark.parametrize("process", REPORTING)
def test_a_process_that_reports_nothing_is_found(process: str) -> None:
    """Stopped or hung: after STILL_S, by its name; and it is well again once it goes on."""
    world = World()
    world.tick(10)
    world.stopped.add(process)
    assert world.tick(int(STILL_S)) == []
    assert any(line.startswith(f"{process} has reported nothing") for line in world.tick(2))
    world.stopped.clear()
    world.tick()
    assert world.tick() == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("denoise", "mic: denoise stands at sample 160000"),
        ("upstream", "mic: upstream stands at sample 160000"),
        ("capture", "mic: nothing is captured"),
    ],
)
def test_a_position_that_stands_still_is_found(name: str, says: str) -> None:
    """The process reports, but passes nothing on: the position before it moves, its own does not."""
    world = World()
    world.tick(10)
    world.held.add(name)
    assert world.tick(int(STILL_S)) == []
    found = world.tick(2)
    assert [line for line in found if line.startswith(says)], found


@pytest.mark.parametrize("session", ["outage", "refused", "connecting", "idle", "closed", "draining"])
def test_a_service_that_is_away_is_an_excuse(session: str) -> None:
    """Nothing is sent for minutes and the backlog grows: the world's business."""
    world = World()
    world.tick(10)
    world.session = session
    world.held.add("sent")
    assert world.tick(300) == []


@pytest.mark.parametrize("state", ["muted", "lost", "ended"])
def test_a_source_that_is_not_live_is_an_excuse(state: str) -> None:
    """Nothing comes in, so nothing has to move."""
    world = World()
    world.tick(10)
    world.state = state
    world.held |= set(world.at)
    assert world.tick(30) == []


def test_a_file_that_waits_for_room_is_an_excuse() -> None:
    """Only a device has to deliver: a file is read as fast as there is room for it."""
    world = World(source_input="file")
    world.tick(10)
    world.held |= set(world.at)
    assert world.tick(30) == []


def test_an_open_session_in_which_nothing_is_sent_is_found() -> None:
    """But only after the session's own watch over its peer had its time."""
    world = World()
    world.tick(10)
    world.held.add("sent")
    assert world.tick(int(SENDING_S)) == []
    assert world.tick(2)[0].startswith("mic: a session is open, and nothing of")


def test_a_process_that_is_restarted_is_an_excuse() -> None:
    """A restart has its own watch (policy); once it is ready, it has the same time as any other."""
    world = World()
    world.tick(10)
    world.processes["denoise"] = "backing-off"
    world.stopped.add("denoise")
    assert world.tick(60) == []
    world.processes["denoise"] = "ready"
    assert world.tick(int(STILL_S)) == []
    assert world.tick(2) != []


def test_a_recognizer_that_opens_no_session_is_found() -> None:
    """It runs on this machine and says that it is ready: its silence is no outage of the world's."""
    world = World(local=True)
    world.tick(10)
    world.session = "outage"
    world.held.add("sent")
    assert world.tick(int(HANDSHAKE_S)) == []
    assert world.tick(2)[0].startswith("mic: the recognizer opens no session")
    world.processes["recognizer"] = "backing-off"
    assert world.tick() == []
