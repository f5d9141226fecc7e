"""Log lines, as a child of the daemon prints them."""

from __future__ import annotations

import os
import re
import sys

import pytest

from ..support.processes import run

SAYS = """
import logging, sys
from heard.logs import set_up
set_up("denoise", sys.argv[1])
log = logging.getLogger("heard.denoise.process")
log.debug("d %s", 1)
log.info("i %s", 2)
log.warning("two\\nlines")
log.error("e")
logging.getLogger("websocket").info("chatter")
logging.getLogger("websocket").error("trouble")
"""
CHANGES = SAYS.replace("log = ", 'set_level("warning"); log = ').replace("set_up\n", "set_level, set_up\n")


def lines(level: str, script: str = SAYS, **environ: str) -> list[str]:
    """Return what is on stderr of a process that logs at every level."""
    base = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    finished = run([sys.executable, "-c", script, level], limit_s=30, env={**base, **environ})
    assert (finished.code, finished.stdout) == (0, "")
    return finished.stderr.splitlines()


def test_each_line_has_a_clock_and_names_its_process() -> None:
    """What is above INFO says so; a message of two lines stays one entry, indented."""
    found = lines("info")
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in found if not line.startswith("  "))
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in found] == [
        "denoise: i 2",
        "denoise: warning: two",
        "  lines",
        "denoise: error: e",
        "denoise: error: trouble",
    ]


def test_the_journal_gets_priorities_and_no_clock() -> None:
    """Under systemd each line begins with its syslog priority; the journal has the time itself."""
    assert lines("debug", JOURNAL_STREAM="8:1") == [
        "<7>denoise: d 1",
        "<6>denoise: i 2",
        "<4>denoise: two",
        "  lines",
        "<3>denoise: e",
        "<3>denoise: trouble",
    ]


@pytest.mark.parametrize(("level", "count"), [("debug", 5), ("info", 4), ("warning", 3), ("error", 2)])
def test_the_level_counts(level: str, count: int) -> None:
    """As `log_level` takes it; chatter of libraries is never shown below a warning."""
    assert len([line for line in lines(level) if not line.startswith("  ")]) == count


def test_the_level_can_change_while_running() -> None:
    """From everything to warnings."""
    assert len([line for line in lines("debug", CHANGES) if not line.startswith("  ")]) == 3
