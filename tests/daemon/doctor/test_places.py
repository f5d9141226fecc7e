"""What is said of directories and of the control socket."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heard.doctor import places
from heard.doctor.finding import State
from heard.doctor.places import Answer, Directory
from heard.settings import Capture, Settings, Source

WELL = Directory("/run/heard", exists=True, owner="ann", mode=0o700, free=10**9)
ABSENT = Directory("/run/heard", exists=False, parent="/run", parent_writable=True)
SPOOLED = Settings(capture=Capture(retention_s=3600, spool="disk"), source=(Source(), Source(name="far")))

BOTH = [
    (WELL, State.OK, "free", ""),
    (ABSENT, State.OK, "will be made", ""),
    (replace(ABSENT, parent_writable=False), State.FAULT, "not ours to make it in", "sudo install -d"),
    (replace(ABSENT, error="Permission denied"), State.FAULT, "Permission denied", "another directory"),
    (replace(WELL, is_directory=False), State.FAULT, "not a directory", "rm /run/heard"),
    (replace(WELL, mine=False, owner="bob"), State.FAULT, "belongs to bob", "sudo -u bob heard doctor"),
    (replace(WELL, mode=0o777), State.FAULT, "others could write", "chmod 700 /run/heard"),
    (replace(WELL, error="Read-only file system"), State.FAULT, "Read-only", "mount"),
    (replace(WELL, free=1000), State.FAULT, "only 1.0 kB free", "make room"),
]


@pytest.mark.parametrize(("found", "state", "text", "fix"), BOTH)
def test_a_directory(found: Directory, state: State, text: str, fix: str) -> None:
    """Whose it is, who may write there, and room: alike for both."""
    for judge in (places.runtime_dir, places.state_dir):
        (finding,) = judge(found, Settings())
        assert finding.state is state
        assert text in finding.found
        assert fix in finding.fix


def test_room_for_what_is_retained() -> None:
    """The rings of all sources; with the spool the state directory holds as much again, and the journal."""
    assert places.retained_bytes(SPOOLED) == 2 * 3600 * 32000
    (finding,) = places.runtime_dir(replace(WELL, free=2 * 10**8), SPOOLED)
    assert (finding.state, "230 MB" in finding.found) == (State.WARNING, True)
    (finding,) = places.state_dir(replace(WELL, free=2 * 10**8), SPOOLED)
    assert (finding.state, "the journal and the spool" in finding.found) == (State.WARNING, True)
    (finding,) = places.state_dir(replace(WELL, free=2 * 10**8), Settings())
    assert finding.state is State.OK


def test_who_answers() -> None:
    """Nobody, a daemon, one that hangs, one of another version."""
    (finding,) = places.control(Answer(None), "1.0")
    assert (finding.state, finding.found) == (State.SKIPPED, "no daemon is running")
    (finding,) = places.control(Answer(None, socket=True), "1.0")
    assert "left over" in finding.found
    (finding,) = places.control(Answer(12, "heard run", version="1.0", uptime_s=7300), "1.0")
    assert (finding.state, finding.found) == (State.OK, "process 12 (heard run) answers, up for 2 h")
    (finding,) = places.control(Answer(12, "heard run", error="no answer"), "1.0")
    assert finding.state is State.FAULT
    assert "kill 12" in finding.fix
    (finding,) = places.control(Answer(None, unasked="/run/heard: Permission denied"), "1.0")
    assert (finding.state, "not for this user" in finding.found) == (State.SKIPPED, True)
    (finding,) = places.control(Answer(12, "heard run", unasked="not for this user"), "1.0")
    assert (finding.state, "not for this user" in finding.found) == (State.WARNING, True)
    (finding,) = places.control(Answer(12, version="0.9"), "1.0")
    assert (finding.state, "restart" in finding.fix) == (State.WARNING, True)


def test_what_the_service_makes() -> None:
    """The system's directories, where they are not there yet; no other."""
    assert places.by_systemd(ABSENT)
    assert not places.by_systemd(WELL)
    assert not places.by_systemd(replace(ABSENT, path="/srv/heard"))
    assert places.will_be_made("runtime_dir", ABSENT).state is State.OK
