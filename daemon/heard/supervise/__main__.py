"""`python -m heard.supervise`: the daemon from validated settings, for commands that run one of their own."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from heard.settings import from_json
from heard.supervise.process import run


def main() -> int:
    """Read the settings and run; stop when standard input ends, which it does with the parent."""
    parser = argparse.ArgumentParser(prog="python -m heard.supervise", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="file that heard.settings.to_json wrote")
    parser.add_argument("--lifeline", type=int, required=True, help="descriptor that ends with the parent")
    options = parser.parse_args()
    settings = from_json(options.settings.read_text(encoding="utf-8"))
    watcher = threading.Thread(target=_watch, args=(options.lifeline,), daemon=True, name="lifeline")
    watcher.start()
    return run(settings)


def _watch(descriptor: int) -> None:
    """Turn the parent's end into the signal that stops the daemon in good order."""
    with open(descriptor, "rb", closefd=False) as lifeline:  # a descriptor, not a path
        lifeline.read()
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
