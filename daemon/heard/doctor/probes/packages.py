"""Looks for packages, and starts the parts of heard that depend on what else is installed."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from heard import __version__
from heard.doctor.packages import EXTRAS, REQUIRED, Installation, Trial
from heard.doctor.probes import child

TRIAL_S = 25.0


def installation() -> Installation:
    """Return what is installed, without importing it."""
    modules = [*REQUIRED, *(module for each in EXTRAS.values() for module in each)]
    missing = frozenset(module for module in modules if find_spec(module) is None)
    return Installation(
        platform.python_version(),
        __version__,
        sys.prefix,
        sys.executable,
        missing,
        runnable=os.access(sys.executable, os.X_OK),
    )


def recognizer(engine: str) -> Trial:
    """Start the recognizer on a socket of its own, as the daemon does, and end it again."""
    with tempfile.TemporaryDirectory(prefix="heard-") as folder:
        bind = f"unix:{Path(folder) / 'recognizer'}"
        argv = [sys.executable, "-m", "heard.recognizer", "--bind", bind, "--engine", engine]
        # However we end, it reads the end of the lifeline, and ends as well.
        lifeline, held = os.pipe()
        began = time.monotonic()
        try:
            argv += ["--lifeline", str(lifeline)]
            ended = child.until_line(argv, b"listening on ", TRIAL_S, pass_fds=(lifeline,))
        finally:
            os.close(lifeline)
            os.close(held)
        return _trial(ended, time.monotonic() - began)


def backend(name: str) -> Trial:
    """Load a backend of noise reduction in a process of its own: some abort where they fail."""
    began = time.monotonic()
    ended = child.run([sys.executable, "-m", "heard.doctor.probes.backend", name], TRIAL_S)
    return _trial(ended, time.monotonic() - began)


def _trial(ended: child.Ended, seconds: float) -> Trial:
    if ended.code is None:
        return Trial(None, TRIAL_S, timed_out=True)
    if ended.code:
        how = f"ended by signal {-ended.code}" if ended.code < 0 else f"exit status {ended.code}"
        return Trial(ended.last_line.removeprefix("recognizer: ") or how, seconds)
    return Trial(None, seconds)
