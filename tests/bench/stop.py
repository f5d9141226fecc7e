"""How long a stop takes: `python -m tests.bench.stop [RUNS]`.

SIGTERM in the middle of a turn, with a live session, until the daemon has ended: by a service that answers
Terminate, by one that never does, and as a baseline before there is any session.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ..support.v3_server import Plan, v3_server
from ..system.coded import hearing, recording, words

WAIT_S = 30.0


def stopped_s(path: Path, plan: Plan, *, live: bool) -> tuple[float, bool]:
    """Return the seconds from SIGTERM to the end, and whether a final came after SIGTERM."""
    with v3_server(plan) as server, hearing(path, server.url, exit_when_done=False) as heard:
        if live:
            heard.until(lambda: len(heard.bodies("transcript.partial.")) > 2, WAIT_S, "words")
        else:
            heard.until(lambda: heard.bodies("status"), WAIT_S, "a status")
        before = len(words(heard.finals()))
        began = time.monotonic()
        assert heard.child.terminate(WAIT_S) == 0, heard.child.tail()
        took_s = time.monotonic() - began
        heard.listen(0.2)
        return took_s, len(words(heard.finals())) > before


def main() -> None:
    """Print one line for each kind of service."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    os.environ.pop("NOTIFY_SOCKET", None)
    with tempfile.TemporaryDirectory() as folder:
        path = recording(Path(folder), 60)
        for name, plan, live in (
            ("no session yet", Plan(), False),
            ("live session, Terminate is answered", Plan(), True),
            ("live session, Terminate is never answered", Plan(termination="never"), True),
        ):
            taken = [stopped_s(path, plan, live=live) for _ in range(runs)]
            seconds = [took_s for took_s, _ in taken]
            finals = sum(final for _, final in taken)
            print(  # noqa: T201  # what a benchmark is for
                f"{name}: median {statistics.median(seconds):.2f} s, max {max(seconds):.2f} s of {runs}; "
                f"last words published after SIGTERM in {finals}"
            )


if __name__ == "__main__":
    main()
