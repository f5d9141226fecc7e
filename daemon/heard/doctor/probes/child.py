"""Programs that are started to find something out: each ends, whatever it does."""

from __future__ import annotations

import atexit
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from select import select
from typing import IO

REAP_S = 2.0
NOT_STARTED = 127
"""The code of a program that is not there, or may not be run, as a shell gives it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended; `code` is None where its time was up, and it was killed."""

    code: int | None
    output: bytes
    last_line: str
    """Of what it said on stderr, "" where it said nothing."""


_RUNNING: set[subprocess.Popen[bytes]] = set()


@atexit.register
def end_all() -> None:
    """End what still runs: whoever presses Ctrl-C leaves nothing behind."""
    for process in list(_RUNNING):
        process.kill()


def run(argv: Sequence[str], limit_s: float) -> Ended:
    """Run a program to its end, or for `limit_s` at most."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as output:
        try:
            process = _started(argv, output, said)
        except OSError as error:
            return _not_started(argv, error)
        try:
            code: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        output.seek(0)
        said.seek(0)
        return Ended(code, output.read(), last_line(said.read()))


def until_line(argv: Sequence[str], begins: bytes, limit_s: float, pass_fds: Sequence[int] = ()) -> Ended:
    """Run a program until it prints a first line that begins so; it is ended then. `code` is 0 if it did."""
    with tempfile.TemporaryFile() as said:
        try:
            process = _started(argv, subprocess.PIPE, said, pass_fds)
        except OSError as error:
            return _not_started(argv, error)
        assert process.stdout is not None
        line = b""
        try:
            if select([process.stdout], [], [], limit_s)[0]:
                line = process.stdout.readline()
                # One that ends well and does not say it has not done what it was started for.
                code: int | None = 0 if line.startswith(begins) else process.wait(REAP_S) or 1
            else:
                code = None
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
            process.stdout.close()
        said.seek(0)
        return Ended(code, line, last_line(said.read()))


def last_line(said: bytes) -> str:
    """Return the last line that is not empty."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def _started(
    argv: Sequence[str], output: IO[bytes] | int, said: IO[bytes], pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=said,
        start_new_session=True,
        pass_fds=pass_fds,
    )
    _RUNNING.add(process)
    return process


def _not_started(argv: Sequence[str], error: OSError) -> Ended:
    return Ended(NOT_STARTED, b"", f"{argv[0]}: {error.strerror}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(REAP_S)
    if process.poll() is None:
        process.kill()
    # One that a broken driver holds in the kernel does not even die; it is not waited for.
    with suppress(subprocess.TimeoutExpired):
        process.wait(REAP_S)
        _RUNNING.discard(process)
