"""Child processes that end: each has a time limit, is reaped with all it started, and is measured.

What a child prints goes to files, so that a full pipe never stops it and a failed test can show it.
"""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .poll import until

Argument = str | os.PathLike[str]

REAP_S = 30.0
TAIL_LINES = 40


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended; `code` is negative for a signal, as in `subprocess`."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float


class Child:
    """A running program. Made by `started`, which also ends it.

    pid     of the program itself
    argv    what was started
    stdout  the file with what it has printed so far
    stderr  likewise
    """

    def __init__(self, process: "subprocess.Popen[bytes]", argv: tuple[str, ...], folder: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.argv = argv
        self.stdout = folder / "stdout"
        self.stderr = folder / "stderr"
        self.overran = False

    def __repr__(self) -> str:
        state = "running" if self.running else f"ended with {self._process.returncode}"
        return f"<{' '.join(self.argv[:6])}: pid {self.pid}, {state}>"

    @property
    def running(self) -> bool:
        """Whether the program itself has not ended; what it started is not asked."""
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def printed(self) -> str:
        """Return everything on stdout so far."""
        return self.stdout.read_text(encoding="utf-8", errors="replace")

    def complained(self) -> str:
        """Return everything on stderr so far."""
        return self.stderr.read_text(encoding="utf-8", errors="replace")

    def tail(self) -> str:
        """Return the last lines of both outputs, for the message of a failed test."""
        shown = []
        for name, text in (("stdout", self.printed()), ("stderr", self.complained())):
            lines = "\n".join(text.splitlines()[-TAIL_LINES:])
            shown.append(f"--- {name} of {self!r}\n{lines}")
        return "\n".join(shown)

    def write(self, data: bytes) -> None:
        """Write to its stdin; only for a child started with `stdin=True`."""
        pipe = self._process.stdin
        if pipe is None:
            raise ValueError(f"{self!r} was started without stdin=True")
        pipe.write(data)
        pipe.flush()

    def close_stdin(self) -> None:
        """Let the child see the end of its stdin."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def signal(self, number: int) -> None:
        """Send a signal to the program itself, and to nothing that it started."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float) -> int:
        """Wait for the end and return the exit status.

        Raises:
            TimeoutError: with the last lines printed; the child goes on until its `started` ends.

        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self!r} ran on after {timeout_s:g} s\n{self.tail()}") from None

    def terminate(self, timeout_s: float = REAP_S) -> int:
        """Send SIGTERM and return the exit status; see `wait`."""
        if self.running:
            self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self) -> None:
        """End the program and everything that it started with SIGKILL, and reap it."""
        others = family(self.pid)
        if self.running:
            self._process.kill()
        self._process.wait(REAP_S)
        _end(others)

        def gone() -> bool:
            # What was being started when its parent was killed is not in the first list.
            left = family(self.pid)
            _end(left)
            return not left

        until(gone, REAP_S, f"the end of what {self!r} started")


@contextmanager
def started(
    argv: Sequence[Argument],
    *,
    limit_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bool = False,
    folder: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Child]:
    """Run a program for as long as the block; then, or after `limit_s`, it is killed with its tree.

    The program leads a session of its own, so that whatever it leaves behind can be found.
    `env` replaces the environment; None passes ours on. Its outputs are kept in `folder`, else
    in a temporary one that goes when the block ends.

    Raises:
        TimeoutError: at the end of the block, if `limit_s` was what ended the program.

    """
    words = tuple(os.fspath(word) for word in argv)
    with tempfile.TemporaryDirectory(prefix="heard-child-") as temporary:
        place = folder or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        with (place / "stdout").open("wb") as out, (place / "stderr").open("wb") as err:
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=None if env is None else dict(env),
                cwd=cwd,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        child = Child(process, words, place)
        watchdog = threading.Timer(limit_s, _overrun, (child,))
        watchdog.daemon = True
        watchdog.start()
        try:
            yield child
        finally:
            watchdog.cancel()
            child.close_stdin()
            child.kill()
        if child.overran:
            raise TimeoutError(f"{child!r} was killed after {limit_s:g} s\n{child.tail()}")


def run(
    argv: Sequence[Argument],
    *,
    limit_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes = b"",
) -> Finished:
    """Run a program to its end.

    Raises:
        TimeoutError: if it takes longer than `limit_s`; it and what it started are then dead.

    """
    began = time.monotonic()
    with started(argv, limit_s=limit_s, env=env, cwd=cwd, stdin=bool(stdin)) as child:
        if stdin:
            # A program may end without reading all that it is given.
            with suppress(BrokenPipeError):
                child.write(stdin)
            child.close_stdin()
        code = child.wait(limit_s)
        return Finished(
            argv=child.argv,
            code=code,
            stdout=child.printed(),
            stderr=child.complained(),
            seconds=time.monotonic() - began,
        )


def family(pid: int) -> list[int]:
    """Return what a child of ours started: its descendants and the orphans in its session.

    Works after the child itself has died. Zombies, which only wait to be reaped, do not count.
    """
    everyone = _processes()
    down = _line(pid, everyone)
    return [
        other
        for other, stat in everyone.items()
        if other != pid and stat.state != "Z" and (other in down or stat.session == pid)
    ]


def tree(pid: int) -> list[int]:
    """Return the pids of the process and its living descendants, parents before children.

    Empty when the process has gone. Zombies do not count.
    """
    everyone = _processes()
    return [member for member in _line(pid, everyone) if everyone[member].state != "Z"]


def pss_bytes(pid: int) -> int:
    """Return the proportional set size of a tree: shared pages are divided among their users.

    From `/proc/PID/smaps_rollup`; a process that ends meanwhile counts nothing.
    """
    return sum(pss_of(member) for member in tree(pid))


def pss_of(pid: int) -> int:
    """Return the proportional set size of one process in bytes, 0 when it has gone.

    Of one that is closed to this user (`heard.dumps`) it is the resident set, which is no less.
    """
    return _rolled_up(pid, "Pss:")


def private_of(pid: int) -> int:
    """Return the bytes that one process has for itself alone: what others map or end changes nothing in it.

    Of one that has gone or is closed to this user as `pss_of`.
    """
    return _rolled_up(pid, "Private_Clean:", "Private_Dirty:")


def _rolled_up(pid: int, *fields: str) -> int:
    """Return the sum of these fields of `/proc/PID/smaps_rollup`."""
    with suppress(FileNotFoundError, ProcessLookupError):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except PermissionError:
            pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(fields))
    return 0


def cpu_s(pid: int) -> float:
    """Return the user and system time that a tree has used, descendants already reaped included."""
    everyone = _processes()
    return sum(everyone[member].cpu_s for member in _line(pid, everyone))


@dataclass(frozen=True, slots=True)
class _Stat:
    """The fields of `/proc/PID/stat` that are needed here; see proc(5)."""

    state: str
    parent: int
    session: int
    cpu_s: float


def _line(pid: int, everyone: Mapping[int, _Stat]) -> list[int]:
    line = [pid] if pid in everyone else []
    for parent in line:
        line.extend(child for child, stat in everyone.items() if stat.parent == parent)
    return line


def _processes() -> dict[int, _Stat]:
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(FileNotFoundError, ProcessLookupError):
            text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            # The name stands in brackets and may itself contain brackets and spaces.
            fields = text[text.rindex(")") + 2 :].split()
            found[int(entry.name)] = _Stat(
                state=fields[0],
                parent=int(fields[1]),
                session=int(fields[3]),
                cpu_s=sum(int(count) for count in fields[11:15]) / ticks_per_s,
            )
    return found


def _end(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _overrun(child: Child) -> None:
    if child.running:
        child.overran = True
        child.kill()
