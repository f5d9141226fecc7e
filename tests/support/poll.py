"""Waiting for something to become true, with a deadline instead of a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

INTERVAL_S = 0.02


def until(
    predicate: Callable[[], Found], deadline_s: float, what: str, *, interval_s: float = INTERVAL_S
) -> Found:
    """Ask `predicate` again and again and return its first true answer.

    `what` completes the sentence "waited N s for …" and may end in a description of what was
    seen; the predicate is asked once more after the deadline, so a slow last answer counts.

    Raises:
        TimeoutError: if no answer was true within `deadline_s`; it carries the last answer.

    """
    deadline = time.monotonic() + deadline_s
    while True:
        expired = time.monotonic() >= deadline
        answer = predicate()
        if answer:
            return answer
        if expired:
            raise TimeoutError(f"waited {deadline_s:g} s for {what}; last answer: {answer!r}")
        time.sleep(interval_s)
