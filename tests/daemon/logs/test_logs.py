"""Log lines, as a child of the daemon prints them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ...support.processes import run

SAYS = """
import logging, sys
from heard.logs import set_up
set_up("denoise", sys.argv[1], *sys.argv[2:])
log = logging.getLogger("heard.denoise.process")
log.debug("d %s", 1)
log.info("i %s", 2)
log.warning("two\\nlines")
log.error("e")
logging.getLogger("websocket").info("chatter")
logging.getLogger("websocket").error("trouble")
"""
CHANGES = SAYS.replace("log = ", 'set_level("warning"); log = ').replace("set_up\n", "set_level, set_up\n")
FLOODS = """
import logging
from heard.logs import set_up
set_up("upstream")
log = logging.getLogger("heard.upstream")
for number in range(5000):
    log.warning("frame %d cannot be read", number)
log.warning("something else")
"""
WAITS = """
import os, threading
told = threading.Event()
class Seen(logging.Handler):
    def emit(self, record):
        if "times in" in record.getMessage():
            told.set()
logging.getLogger().addHandler(Seen())
told.wait(30)
os._exit(0)
"""
FAILS = """
import logging, sys
from heard.logs import set_up
from heard.upstream.key import Key, Scrub
set_up("upstream", "info", sys.argv[1])
for handler in logging.getLogger().handlers:
    handler.addFilter(Scrub(Key("canary-key")))
log = logging.getLogger("heard.upstream")
for number in range(30):
    try:
        raise ValueError("canary-key is refused")
    except ValueError:
        log.exception("offered canary-key, %s", "canary-key")
"""


def lines(level: str, script: str = SAYS, *words: str) -> list[str]:
    """Return what is on stderr of a process that logs at every level."""
    base = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    finished = run([sys.executable, "-c", script, level, *words], limit_s=100, env=base)
    assert (finished.code, finished.stdout) == (0, "")
    return finished.stderr.splitlines()


def journal_lines(folder: Path, *words: str, matches: bool = True) -> list[str]:
    """Return what goes to stderr where it is (or is not) the stream that $JOURNAL_STREAM names."""
    path = folder / "stream"
    with path.open("wb") as stream:
        found = os.fstat(stream.fileno())
        named = f"{found.st_dev}:{found.st_ino if matches else found.st_ino + 1}"
        argv = [sys.executable, "-c", SAYS, *words]
        subprocess.run(
            argv, stderr=stream, timeout=100, check=True, env={**os.environ, "JOURNAL_STREAM": named}
        )
    return path.read_text(encoding="utf-8").splitlines()


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


def test_the_journal_gets_priorities_and_no_clock(tmp_path: Path) -> None:
    """Each line begins with its syslog priority, for `journalctl -p`; the journal has the time itself."""
    assert journal_lines(tmp_path, "debug") == [
        "<7>denoise: d 1",
        "<6>denoise: i 2",
        "<4>denoise: two",
        "<4>  lines",
        "<3>denoise: e",
        "<3>denoise: trouble",
    ]


def test_a_file_that_inherits_the_variable_is_not_the_journal(tmp_path: Path) -> None:
    """A service that sends stderr to a file gets lines for people."""
    assert not any(line.startswith("<") for line in journal_lines(tmp_path, "debug", matches=False))


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    """Time, level, process, logger and message; the text of two lines stays in one."""
    before = time.time()
    found = [json.loads(line) for line in lines("info", SAYS, "json")]
    for each in found:
        assert before - 1 < each.pop("time") < time.time() + 1
    assert found == [
        {"level": level, "process": "denoise", "logger": logger, "message": message}
        for level, logger, message in [
            ("info", "heard.denoise.process", "i 2"),
            ("warning", "heard.denoise.process", "two\nlines"),
            ("error", "heard.denoise.process", "e"),
            ("error", "websocket", "trouble"),
        ]
    ]
    # The journal takes its own mark off and keeps the object.
    marked = journal_lines(tmp_path, "warning", "json")
    assert [line[:3] for line in marked] == ["<4>", "<3>", "<3>"]
    assert json.loads(marked[0][3:])["message"] == "two\nlines"


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_key_is_masked_in_both_forms(form: str) -> None:
    """In messages, arguments, traces, and in the line that counts a flood."""
    found = "\n".join(lines(form, FAILS))
    assert "canary" not in found
    assert "ValueError: *** is refused" in found
    assert re.search(r"offered \*\*\*, \*\*\* \(20 times in \d+ s\)", found)


def test_a_flood_is_counted() -> None:
    """The first ten of 5000, another message, and how many more there were: at the end at the latest."""
    found = [re.sub(r"^\S+ upstream: warning: ", "", line) for line in lines("info", FLOODS)]
    found[-1] = re.sub(r"in \d+ s", "in N s", found[-1])
    assert found == [
        *(f"frame {number} cannot be read" for number in range(10)),
        "something else",
        "frame 4999 cannot be read (4990 times in N s)",
    ]


def test_many_sources_are_not_taken_for_a_flood() -> None:
    """Sixty that are lost are sixty lines; of three hundred a hundred, and how many more there are."""
    script = FLOODS.replace("range(5000)", "range({count})").replace(
        '"frame %d cannot be read", number', '"%s: lost", f"call-{{number}}"'
    )
    assert len(lines("info", script.format(count=60))) == 61
    found = lines("info", script.format(count=300))
    assert len(found) == 102
    assert re.search(r"call-299: lost \(200 times in \d+ s\)$", found[-1])


def test_a_flood_that_goes_on_is_told_once_a_period() -> None:
    """By a timer: nobody needs to log something else for it."""
    # Longer than the flood takes on any machine.
    shorter = "logging.getLogger().handlers[0].filters[0]._floods[0].period_s = 3"
    script = FLOODS.replace('set_up("upstream")', f'set_up("upstream"); {shorter}')
    # The process only waits for the line, and ends without the words that it has for its end.
    script = script.replace('log.warning("something else")', WAITS)
    found = lines("info", script)
    assert re.search(r"frame 4999 cannot be read \(4990 times in \d+ s\)$", found[-1]), found[-1]
    assert len(found) == 11


@pytest.mark.parametrize(("level", "count"), [("debug", 5), ("info", 4), ("warning", 3), ("error", 2)])
def test_the_level_counts(level: str, count: int) -> None:
    """As `log_level` takes it; chatter of libraries is never shown below a warning."""
    assert len([line for line in lines(level) if not line.startswith("  ")]) == count


def test_the_level_can_change_while_running() -> None:
    """From everything to warnings."""
    assert len([line for line in lines("debug", CHANGES) if not line.startswith("  ")]) == 3
