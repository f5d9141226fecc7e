"""`heard demo`, as a newcomer runs it."""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise

from heard.demo import recording, transcript

from ..support.poll import until
from ..support.processes import run, started
from ..support.sound_server import sound_server
from ..support.wer import word_error_rate
from .running import command


def test_the_recording_that_ships_with_heard() -> None:
    """Finals on stdout, the summary on stderr where stdout is no terminal; it needs nothing at all."""
    bare = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    finished = run(command("demo"), limit_s=110, env=bare)
    assert finished.code == 0, finished.stderr
    assert word_error_rate([(transcript(), finished.stdout)]) <= 0.1, finished.stdout
    for part in ("words in", "total", "denoise", "ledger of demo", "pending 0.00 s", "dB lower"):
        assert part in finished.stderr


def test_the_microphone_until_ctrl_c() -> None:
    """`--mic`: what is said is shown; Ctrl-C ends it with the summary and status 0."""
    with (
        sound_server() as server,
        started(command("demo", "--mic"), limit_s=115, env=server.environment()) as child,
    ):
        until(server.recorders, 40, "the demo to record")
        server.play(recording())
        until(lambda: len(child.printed().split()) >= 30, 40, "what was said")
        child.signal(signal.SIGINT)
        assert child.wait(30) == 0, child.tail()
        assert "ledger of mic" in child.complained()
        assert "Traceback" not in child.complained()


def test_a_terminal_shows_partials_in_place() -> None:
    """On a terminal (tmux) the turn so far is redrawn, finals stay, and the summary ends it."""
    session = f"heard-demo-{os.getpid()}"
    words = " ".join(command("demo"))
    run(
        ["tmux", "new-session", "-d", "-s", session, "-x", "80", "-y", "24", f"{words}; sleep 60"], limit_s=30
    )
    try:
        screens: list[str] = []
        deadline = time.monotonic() + 100
        while not (screens and "ledger of demo" in screens[-1]):
            assert time.monotonic() < deadline, "\n".join(screens[-1:])
            screens.append(run(["tmux", "capture-pane", "-p", "-t", session], limit_s=30).stdout)
            time.sleep(0.2)
        assert any("captured" in screen and "denoised" in screen for screen in screens), "level bars"
        assert any("listening to demo.flac" in screen for screen in screens)
        shown = [screen for screen in screens if "pot of gold" in screen]
        # A single one may have been looked at in the middle of its being drawn.
        twice = [screen.count("pot of gold") > 1 for screen in shown]
        assert not any(one and next_one for one, next_one in pairwise(twice)), "redrawn in place"
        assert "listening to" not in screens[-1], "the moving part is gone at the end"
    finally:
        run(["tmux", "kill-session", "-t", session], limit_s=30)
