"""A device's own process: read without waiting, ended whatever it hangs in, and never left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from heard.capture.listener_messages import Audio, Lost, Message, Opened
from heard.capture.listening import Listening

from ...support import processes
from ...support.poll import until
from ...support.sound_server import SoundServer

LIMIT_S = 30.0


@pytest.fixture(name="here")
def _here(sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch) -> SoundServer:
    """Let this process and its children talk to the server."""
    for name, value in sound_server.environment().items():
        monkeypatch.setenv(name, value)
    return sound_server


def said(listening: Listening, enough: Callable[[list[Message]], bool]) -> list[Message]:
    messages: list[Message] = []

    def asked() -> bool:
        messages.extend(listening.messages())
        return enough(messages)

    until(asked, LIMIT_S, "what the listener says")
    return messages


def test_it_says_what_it_opened_and_then_what_it_hears(here: SoundServer) -> None:
    """Frames are numbered without a hole, and each has its time."""
    began = time.monotonic()
    listening = Listening(["--device=default"])
    messages = said(listening, lambda all_: len(all_) > 20)
    listening.kill()
    until(lambda: listening.gone, LIMIT_S, "its end")
    assert messages[0] == Opened("room.monitor", "monitor", "pulse", here.rate_hz, 1)
    audio = [each for each in messages[1:] if isinstance(each, Audio)]
    assert len(audio) == len(messages) - 1
    frame = 0
    for each in audio:
        assert (each.frame, each.missing, each.lost) == (frame, 0, 0)
        assert began - 3 < each.at < time.monotonic()
        frame += len(each.pcm) // 2


def test_one_core_is_enough(here: SoundServer) -> None:
    """PortAudio's thread polls without a pause until another has had its turn, and both are in real time."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        listening = Listening([f"--device={here.sinks[0]}", "--system=portaudio"])
    finally:
        os.sched_setaffinity(0, cores)
    try:
        messages = said(listening, lambda all_: len(all_) > 20)
        assert isinstance(messages[0], Opened)
        assert messages[0].system == "portaudio"
    finally:
        listening.kill()
    until(lambda: listening.gone, LIMIT_S, "its end")


def test_a_name_that_nobody_has(here: SoundServer) -> None:  # it runs
    """The answer lists the names of both systems; then it ends."""
    listening = Listening(["--device=-x"])
    (lost,) = said(listening, bool)
    assert isinstance(lost, Lost)
    assert lost.why.startswith("no input device '-x'; there are: ")
    assert "'room'" in lost.why
    assert "'room.monitor'" in lost.why
    until(lambda: not list(listening.messages()) and listening.ended, LIMIT_S, "its end")
    listening.kill()


def test_another_default_is_said_at_once(here: SoundServer) -> None:
    """Whoever asked for "default" is told that it is another now; whoever asked by name is not."""
    here.control("load-module", "module-null-sink", "sink_name=hall", "rate=48000", "channels=1")
    follows, stays = Listening(["--device=default"]), Listening(["--device=room.monitor"])
    said(follows, lambda all_: len(all_) > 2)
    said(stays, lambda all_: len(all_) > 2)
    here.control("set-default-source", "hall.monitor")
    *_, lost = said(follows, lambda all_: bool(all_) and isinstance(all_[-1], Lost))
    assert lost == Lost("room.monitor is not the default input any more: hall.monitor is", moved=True)
    assert isinstance(said(stays, lambda all_: len(all_) > 2)[-1], Audio)
    stays.kill()
    follows.kill()


def test_it_is_as_urgent_as_capture_itself(here: SoundServer) -> None:  # it runs
    """Once it begins to hear, and where that is granted; what it does before has no hurry."""
    granted = processes.run(
        [sys.executable, "-c", "from heard.capture.priority import raise_priority; print(raise_priority())"],
        limit_s=LIMIT_S,
    )
    listening = Listening(["--device=room.monitor"])
    said(listening, lambda all_: len(all_) > 2)
    policy = os.sched_getscheduler(listening._child.pid)
    listening.kill()
    assert (policy == os.SCHED_RR) == (granted.stdout.strip() == "True")


def test_a_suspended_device_is_lost_and_the_reason_is_said(here: SoundServer) -> None:
    """Sooner than a stall that nobody explains."""
    listening = Listening(["--device=room.monitor"])
    said(listening, lambda all_: len(all_) > 2)
    here.suspend(True)
    *_, lost = said(listening, lambda all_: bool(all_) and isinstance(all_[-1], Lost))
    assert lost == Lost("room.monitor: the sound server has suspended it")
    listening.kill()


@pytest.mark.parametrize("hangs", [False, True])
def test_it_ends_with_us_however_we_end(here: SoundServer, *, hangs: bool) -> None:
    """Also while the sound server hangs, so that no microphone stays open behind us."""
    if hangs:
        here.freeze()
    program = (
        "import sys, time\n"
        "from heard.capture.listening import Listening\n"
        "made = Listening(['--device=pulse', '--system=portaudio'])\n"
        "print(made._child.pid, flush=True)\n"
        "time.sleep(100)\n"
    )
    with processes.started([sys.executable, "-c", program], limit_s=100, env=here.environment()) as owner:
        pid = int(until(lambda: owner.printed().strip(), LIMIT_S, "the listener's number"))
        if hangs:
            until(lambda: "libportaudio" in Path(f"/proc/{pid}/maps").read_text(), LIMIT_S, "PortAudio")
        else:
            until(lambda: here.recorders() == 1, LIMIT_S, "an open device")
        owner.signal(signal.SIGKILL)
        until(lambda: not running(pid), LIMIT_S, "the listener's end")
    if hangs:
        here.thaw()


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
