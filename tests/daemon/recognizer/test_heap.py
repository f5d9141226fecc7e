"""The C library's heaps of the running server, as the kernel shows them."""

import re
import sys
from pathlib import Path

from ...support import corpus
from ...support.poll import until
from ...support.processes import started
from .serving import READY_S, frames, ready_line, rest, session, transcript_of

HEAP_BYTES = 64 << 20
"""glibc reserves so much, aligned to it, for each heap of a thread (HEAP_MAX_SIZE, 64 bits)."""
MAPPED = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 *\n([0-9a-f]+)-([0-9a-f]+) ---p", re.MULTILINE
)


def heaps(pid: int) -> int:
    """Return how many heaps the threads of a process have of their own."""
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    found = [[int(place, 16) for place in match] for match in MAPPED.findall(maps)]
    return sum(
        begin % HEAP_BYTES == 0 and end == rest and stop == begin + HEAP_BYTES
        for begin, end, rest, stop in found
    )


def test_the_threads_of_all_sessions_share_one_heap() -> None:
    """In heaps of their own it grew as long as somebody spoke; with a lifeline, as the daemon starts it."""
    said = corpus.utterance("vctk-p225-011")
    command = [sys.executable, "-m", "heard.recognizer", "--bind", "127.0.0.1:0", "--lifeline", "0"]
    with started(command, limit_s=115, stdin=True) as child:
        line = until(lambda: ready_line(child), READY_S, "the recognizer to listen")
        for _ in range(2):
            with session(line.removeprefix("listening on "), "sample_rate=16000") as connection:
                for frame in frames(said.pcm()):
                    connection.send(frame)
                connection.send('{"type":"Terminate"}')
                assert transcript_of(rest(connection)[0])
                assert heaps(child.pid) == 0
