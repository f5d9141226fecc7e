"""A stranger's program: the ten lines of the README, against the real daemon."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..support.corpus import utterance
from ..support.processes import started
from ..support.wer import word_error_rate
from .running import daemon, folder

SCRIPT = Path(__file__).resolve().parents[2] / "clients" / "examples" / "subscribe.py"


def test_ten_lines_print_what_was_said() -> None:
    """Finals come out one a line, while the daemon runs."""
    said = utterance("vctk-p225-011")
    with folder() as base:
        place = base / "heard"
        place.mkdir(mode=0o700)
        env = {**os.environ, "XDG_RUNTIME_DIR": str(base)}
        source = {"name": "mic", "input": "file", "path": str(said.path)}
        with (
            started([sys.executable, SCRIPT], limit_s=60, env=env) as subscriber,
            daemon([source], place=place, top={"exit_when_done": True}) as heard,
        ):
            heard.until(lambda: not heard.child.running, 50, "the daemon to end")
            heard.until(lambda: len(subscriber.printed().split()) > 20, 5, subscriber.tail())
            assert word_error_rate([(said.transcript, subscriber.printed())]) <= 0.2
