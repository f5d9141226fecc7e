"""Programs that are started to find something out."""

from __future__ import annotations

import sys
import time

from heard.doctor.probes.child import NOT_STARTED, run, until_line


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_what_it_says() -> None:
    """Its exit status, its output, and the last line on stderr that is not empty."""
    ended = run(python("import sys; print('out'); sys.stderr.write('one\\ntwo\\n\\n'); sys.exit(3)"), 60)
    assert (ended.code, ended.output, ended.last_line) == (3, b"out\n", "two")


def test_one_that_does_not_end() -> None:
    """It is killed when its time is up, though it minds no signal but that."""
    deaf = python("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    began = time.monotonic()
    assert run(deaf, 0.5).code is None
    assert time.monotonic() - began < 30


def test_one_that_is_not_there() -> None:
    """Told as a shell would, not raised."""
    for how in (run(["/nowhere/x"], 5), until_line(["/nowhere/x"], b"x", 5)):
        assert (how.code, how.last_line) == (NOT_STARTED, "/nowhere/x: No such file or directory")


def test_one_that_says_that_it_is_ready() -> None:
    """It is ended then; one that ends without saying so has failed, however well it ended."""
    ready = python("import time; print('listening on x', flush=True); time.sleep(60)")
    began = time.monotonic()
    assert until_line(ready, b"listening on ", 60).code == 0
    assert time.monotonic() - began < 30
    assert until_line(python("pass"), b"listening on ", 60).code == 1
    assert until_line(python("import sys; sys.exit('broken')"), b"listening on ", 60).last_line == "broken"
    assert until_line(python("import time; time.sleep(60)"), b"listening on ", 0.5).code is None
