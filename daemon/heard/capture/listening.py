"""Shell: the process that holds one device for `capture`, started, read without waiting, and ended.

A call into a sound system may hang for as long as that hangs, and so may letting go of a device. Each device
therefore has a process of its own: killed, it holds nothing any more; the others go on meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

from heard.capture.listener_messages import Message, Reader
from heard.capture.priority import ordinary

PIPE_BYTES = 1 << 20
"""What a listener may have passed on before we take it: 5 s of two channels at 48 kHz."""
READ_BYTES = 1 << 16


class Listening:
    """One listener, from its start to its end."""

    def __init__(self, words: Sequence[str]) -> None:
        """Start `python -m heard.capture.listener` with these words.

        Raises:
            OSError: no process can be started.
        """
        argv = [sys.executable, "-m", "heard.capture.listener", *words]
        # Its end of our pipe tells it that we are gone, however we end.
        self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ordinary(self._child.pid)
        assert self._child.stdout is not None, "it was asked for"
        self._pipe = self._child.stdout.fileno()
        os.set_blocking(self._pipe, False)
        with suppress(OSError):
            # More than the user may have is refused; the usual 64 KiB do for half a second.
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._reader = Reader()
        self.ended = False
        """Whether it has said its last word."""

    def messages(self) -> Iterator[Message]:
        """Yield what it has said since."""
        while not self.ended:
            try:
                data = os.read(self._pipe, READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self.ended = True
                return
            yield from self._reader.feed(data)

    def kill(self) -> None:
        """End it now, whatever it hangs in."""
        self._child.kill()
        self.ended = True
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def gone(self) -> bool:
        """Whether the process is no more; never waits."""
        return self._child.poll() is not None
