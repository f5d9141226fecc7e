"""`python -m heard.capture.devices`: the inputs as JSON on stdout.

A program of its own, because PortAudio may hang while it looks, and lists only what was there when it
was initialised: whoever wants to know starts this one, with a time limit. Exit status 1, and one line
on stderr, where there is no PortAudio.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from heard.capture.portaudio import inputs
from heard.capture.source import InputLostError


def main() -> int:
    """Print the list; return the exit status."""
    try:
        found = [asdict(device) for device in inputs()]
    except InputLostError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for device in found:
        # PortAudio's own number is nothing to rely on.
        del device["index"]
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Ending PortAudio may hang as well.
    os._exit(status)
