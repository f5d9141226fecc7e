"""Nothing that a client, a stage or the service can send stops the process that reads it."""

from __future__ import annotations

from itertools import islice

import pytest

from .__main__ import limit
from .inputs import inputs
from .targets import TARGETS

EACH = {"control": 6000, "pipes": 6000, "service": 1500}


@pytest.mark.parametrize("kind", TARGETS)
def test_hostile_input_is_refused_and_nothing_else_happens(kind: str) -> None:
    """A short run of what `make fuzz` does: whole messages changed, torn, and bytes of no message."""
    target = TARGETS[kind]()
    for number, data in enumerate(islice(inputs(kind, 1), EACH[kind])):
        try:
            with limit(2.0):
                target.feed(data)
        except BaseException as error:
            raise AssertionError(f"input {number} of {kind}, seed 1: {data[:200]!r}") from error
