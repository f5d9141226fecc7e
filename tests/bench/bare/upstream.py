"""upstream without accounting: it tells capture nothing, and keeps no event once it is on the pipe."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from heard.stage import Options, Stage
from heard.upstream.process import TICK_S, Upstream
from heard.wire.events import Event
from heard.wire.positions import Position


class BareUpstream(Upstream):
    """The daemon's own, but for what a line sends back or wants kept (`heard.upstream.port.Port`)."""

    def position(self, position: Position) -> None:
        """Drop it."""

    def keep(self, event: Event) -> None:
        """Send it once, without what it settles; one that only settles is not sent."""
        if event.topic is not None:
            self.offer(replace(event, settles=None))


def main() -> int:
    """Run the stage; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare.upstream")
    parser.add_argument("--runtime-dir", type=Path, required=True)
    parser.add_argument("--lifeline", type=int)
    asked = parser.parse_args()
    stage = Stage("upstream", Options(asked.runtime_dir, asked.lifeline))
    return stage.run(BareUpstream(stage), TICK_S)


if __name__ == "__main__":
    sys.exit(main())
