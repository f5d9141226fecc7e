"""Checks that hang or crash."""

from __future__ import annotations

import threading
import time

from heard.doctor.examine import Check, examine
from heard.doctor.finding import Finding, State, ok


def test_findings_come_in_the_order_of_the_checks() -> None:
    """A quick one waits for its turn; all run side by side."""
    meet = threading.Barrier(2)

    def slow() -> list[Finding]:
        meet.wait(30)
        return [ok("slow", "1"), ok("slow", "2")]

    def quick() -> list[Finding]:
        meet.wait(30)
        return [ok("quick", "3")]

    found = examine([Check("slow", 60, slow), Check("quick", 60, quick)])
    assert [each.found for each in found] == ["1", "2", "3"]


def test_one_that_hangs_is_left_behind() -> None:
    """It is told as a fault, and the next one is heard."""
    never = threading.Event()
    hangs = Check("hangs", 0.2, lambda: [ok("hangs", str(never.wait(60)))])
    began = time.monotonic()
    first, second = examine([hangs, Check("well", 60, lambda: [ok("well", "x")])])
    assert time.monotonic() - began < 30
    assert (first.check, first.state) == ("hangs", State.FAULT)
    assert "no result within 0.2 s" in first.found
    assert second == ok("well", "x")
    never.set()


def test_one_that_crashes_is_told_as_a_bug() -> None:
    """One line, no trace, and the others are made."""

    def crash() -> list[Finding]:
        raise ZeroDivisionError("by\nzero")

    first, second = examine([Check("bad", 60, crash), Check("well", 60, lambda: [ok("well", "x")])])
    assert (first.state, first.found) == (
        State.FAULT,
        "could not be looked at: ZeroDivisionError: by zero",
    )
    assert "bug" in first.fix
    assert second.state is State.OK
