"""`python -m heard.publish --runtime-dir DIR [--lifeline FD]`: started by supervise."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import zmq

from heard.guard import KeysUnusableError
from heard.pipes import EndpointTakenError
from heard.publish.process import TICK_S, Publisher
from heard.stage import Options, Stage

log = logging.getLogger("heard.publish")


def main() -> int:
    """Run the stage; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="heard.publish", description="Publish events (started by heard run)."
    )
    parser.add_argument("--runtime-dir", type=Path, required=True)
    parser.add_argument("--lifeline", type=int)
    options = parser.parse_args()
    stage = Stage("publish", Options(options.runtime_dir, options.lifeline))
    try:
        role = Publisher(stage)
    except (zmq.ZMQError, OSError, EndpointTakenError, KeysUnusableError) as error:
        log.error("cannot publish on %s: %s", stage.settings.publish.endpoint, error)
        stage.pipes.close()
        return 1
    return stage.run(role, TICK_S)


if __name__ == "__main__":
    sys.exit(main())
