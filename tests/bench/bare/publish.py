"""publish without what outlives it: no file says which numbers were given and which finals are out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from heard.publish.process import TICK_S, Publisher
from heard.publish.slot_file import SlotFile
from heard.publish.slots import Write
from heard.stage import Options, Stage


def forget(_file: SlotFile, _write: Write) -> None:
    """Do nothing where a slot would be written; its image stays in memory."""


def main() -> int:
    """Run the stage; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare.publish")
    parser.add_argument("--runtime-dir", type=Path, required=True)
    parser.add_argument("--lifeline", type=int)
    asked = parser.parse_args()
    SlotFile.write = forget  # type: ignore[assignment,method-assign]  # this process is the bench's alone
    stage = Stage("publish", Options(asked.runtime_dir, asked.lifeline))
    return stage.run(Publisher(stage), TICK_S)


if __name__ == "__main__":
    sys.exit(main())
