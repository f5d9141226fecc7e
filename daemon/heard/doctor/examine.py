"""The shell that makes checks side by side, each within its time, and hands their findings on in order.

Most of them wait for something. One that does not come back is told as a fault and left behind: its
thread ends with the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from heard.doctor.finding import Finding, fault


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, the longest it may take, and what it does."""

    name: str
    limit_s: float
    look: Callable[[], list[Finding]]


@dataclass(slots=True)
class _Running:
    check: Check
    findings: list[Finding] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            self.findings = self.check.look()
        except Exception as error:  # noqa: BLE001  # one check that fails must not take the others along
            what = f"could not be looked at: {type(error).__name__}: {' '.join(str(error).split())}"
            self.findings = [fault(self.check.name, what, "a bug of heard: report this line")]
        self.done.set()


def examine(checks: Sequence[Check]) -> Iterator[Finding]:
    """Make the checks; yield what they find, in their order, as soon as it is known."""
    began = time.monotonic()
    running = [_Running(check) for check in checks]
    for each in running:
        threading.Thread(target=each.run, name=each.check.name, daemon=True).start()
    for each in running:
        if each.done.wait(max(0.0, began + each.check.limit_s - time.monotonic())):
            yield from each.findings
        else:
            late = f"no result within {each.check.limit_s:g} s"
            yield fault(each.check.name, late, "something on this machine hangs; run heard doctor again")
