"""How the report looks."""

from __future__ import annotations

import click

from heard.cli.doctor import lines
from heard.doctor.finding import fault, ok, skipped

LONG = fault("device mic", "no input is called 'x'; there are: " + ", ".join(["'y'"] * 30), "a " * 40 + "b")


def test_a_pipe_gets_words() -> None:
    """One line a finding, and one a fix; the first word is the state."""
    told = lines(LONG, None)
    assert len(told) == 2
    assert told[0].split()[:3] == ["fault", "device", "mic"]
    assert told[1].strip().startswith("fix: a a")
    assert lines(ok("python", "well"), None) == ["ok       python              well"]


def test_a_terminal_gets_marks_and_its_width() -> None:
    """What is long goes on below itself; nothing is wider than the terminal."""
    told = [click.unstyle(line) for line in lines(LONG, 80)]
    assert told[0].startswith("✗ device mic          no input")
    assert len(told) > 3
    assert all(len(line) <= 80 for line in told)
    assert all(line.startswith(" " * 22) for line in told[1:])
    assert [line.strip()[:4] for line in told].count("fix:") == 1
    assert click.unstyle(lines(skipped("key", "none"), 80)[0]).startswith("- key")
    # However narrow it is.
    assert lines(LONG, 10)
