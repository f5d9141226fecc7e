"""`python -m heard.capture`: the capture stage, as `supervise` starts it."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from heard.capture.lost import InputRefusedError
from heard.capture.priority import raise_priority
from heard.capture.process import TICK_S, Capture
from heard.capture.ring_file import RingTakenError
from heard.stage import Options, Stage

log = logging.getLogger("heard.capture")

CONFIGURATION_EXIT = 2


def main() -> int:
    """Run the stage; return 2 where a source can never be read as it is configured."""
    parser = argparse.ArgumentParser(prog="python -m heard.capture")
    parser.add_argument("--runtime-dir", type=Path, required=True)
    parser.add_argument("--lifeline", type=int)
    asked = parser.parse_args()
    stage = Stage("capture", Options(asked.runtime_dir, asked.lifeline))
    raise_priority()
    try:
        role = Capture(stage, asked.runtime_dir)
    except (InputRefusedError, RingTakenError) as error:
        log.error("%s", error)
        stage.pipes.close()
        # Who has the ring will let go of it, sooner or later: that is worth another try.
        return CONFIGURATION_EXIT if isinstance(error, InputRefusedError) else 1
    try:
        return stage.run(role, TICK_S)
    finally:
        role.close()


if __name__ == "__main__":
    sys.exit(main())
