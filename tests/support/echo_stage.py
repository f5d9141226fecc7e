"""A stage with the smallest role there is, for the tests of `heard.stage`.

python -m tests.support.echo_stage RUNTIME_DIR LIFELINE
"""

from __future__ import annotations

import sys
from pathlib import Path

from heard.stage import Options, Stage
from heard.wire.codec import Body, take_or
from heard.wire.control import Code, ControlError
from heard.wire.report import Order


class Echo:
    """Answers `echo` and `level`, refuses `refuse`, breaks on `break`, has a `fault`; drains five turns."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._left: int | None = None
        self._reloads = 0
        self.ticked_at = 0.0

    def tick(self, now: float) -> None:
        """Count the turns since the order to stop."""
        self.ticked_at = now
        if self._left:
            self._left -= 1

    def order(self, order: Order) -> Body:
        """Do what the order's op says."""
        match order.op:
            case "echo":
                return {"source": order.source, **order.args}
            case "fault":
                self._stage.fault("disk", take_or(order.args, "detail", str, "") or None)
                return {}
            case "level":
                return {"configured": self._stage.settings.log_level, "reloads": self._reloads}
            case "refuse":
                raise ControlError(Code.BAD_VALUE, "never")
            case _:
                raise RuntimeError("a bug")

    def reload(self) -> None:
        """Count how often there were new settings."""
        self._reloads += 1

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return a report that can be recognised."""
        return {"mic": {"turns": 3}}, {"published": 4}, {"bad": 5}

    def stop(self) -> None:
        """Begin to drain."""
        self._left = 5

    def drained(self) -> bool:
        """Whether five turns have passed."""
        return self._left == 0


def main() -> int:
    """Run the stage."""
    stage = Stage("denoise", Options(Path(sys.argv[1]), int(sys.argv[2])))
    stage.ready()
    return stage.run(Echo(stage), tick_s=0.01)


if __name__ == "__main__":
    sys.exit(main())
