"""The recognizer as a process: load, bind, say so, serve until told to stop."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import heap
from .bind import DEFAULT_BIND, UnixAddress, listen, read_address
from .errors import INSTALL_LOCAL, USAGE, StartError
from .registry import DEFAULT_ENGINE, load_engine

STOP_S = 0.8
"""How long sessions have to end; who connects and says nothing would hold us up for 10 s."""

INTERRUPTED = 130

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; see `heard recognizer --help`."""

    bind: str = DEFAULT_BIND
    key_file: Path | None = None
    engine: str = DEFAULT_ENGINE
    lifeline_fd: int | None = None


def run(options: Options) -> int:
    """Serve until SIGTERM, SIGINT or the end of the lifeline, and return the exit code.

    Prints one line on standard output once clients are welcome. Ends within a second of the signal:
    0, or 130 for SIGINT.

    Raises:
        StartError: what keeps it from starting, in one line.
    """
    heap.share()
    address = read_address(options.bind)
    key = None if options.key_file is None else _read_key(options.key_file)
    try:
        from .server import RecognizerServer  # noqa: PLC0415 - imports websockets, an extra
    except ImportError as error:
        raise StartError(f"the recognizer needs websockets: {INSTALL_LOCAL}") from error
    with _stop_signals() as stop:
        if options.lifeline_fd is not None:
            _watch_lifeline(options.lifeline_fd, stop)
        engine = load_engine(options.engine)
        listener, name = listen(address, has_key=key is not None)
        server = RecognizerServer(listener, engine, key=key)
        threading.Thread(target=server.serve_forever, name="accept", daemon=True).start()
        print(f"listening on {name}", flush=True)  # noqa: T201 - the promised line
        reason = stop.wait()
        _LOG.info("stopping: %s", signal.Signals(reason).name if reason else "end of the lifeline")
        if isinstance(address, UnixAddress):
            address.path.unlink(missing_ok=True)
        stopper = threading.Thread(target=server.shutdown, name="stop", daemon=True)
        stopper.start()
        stopper.join(STOP_S)
        code = INTERRUPTED if reason == signal.SIGINT else 0
        if stopper.is_alive():
            # Threads of the library wait for clients that say nothing; they hold nothing of ours.
            sys.stdout.flush()
            logging.shutdown()
            os._exit(code)
        return code


@dataclass(frozen=True, slots=True)
class _Stop:
    """A pipe that carries the reason to stop: a signal's number, or 0 for the end of the lifeline.

    The interpreter writes signals into it from its own handler in C. An `Event` set by a handler in Python
    deadlocks when the signal comes while `wait` holds the event's lock.
    """

    reading: int
    writing: int

    def wait(self) -> int:
        """Return the first reason, once there is one."""
        return os.read(self.reading, 1)[0]

    def lifeline_ended(self) -> None:
        """Give the end of the lifeline as a reason; from any thread."""
        os.write(self.writing, bytes(1))


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop(*os.pipe())
    os.set_blocking(stop.writing, False)
    wakeup_before = signal.set_wakeup_fd(stop.writing, warn_on_full_buffer=False)
    before = {n: signal.signal(n, lambda *_: None) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup_before)
        # The pipe stays open for the lifeline's thread; the process ends now anyway.


def _watch_lifeline(fd: int, stop: _Stop) -> None:
    """Stop when nobody holds the other end of the pipe `fd` any more."""
    try:
        os.fstat(fd)
    except OSError as error:
        raise StartError(f"--lifeline {fd}: {error.strerror}", exit_code=USAGE) from error

    def watch() -> None:
        try:
            while os.read(fd, 64):
                pass
        except OSError as error:
            _LOG.warning("lifeline %d: %s", fd, error.strerror)
        stop.lifeline_ended()

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _read_key(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StartError(f"--key {path}: {error.strerror}", exit_code=USAGE) from error
    except UnicodeDecodeError as error:
        raise StartError(f"--key {path}: is not text", exit_code=USAGE) from error
    if not key:
        raise StartError(f"--key {path}: is empty: must hold the key", exit_code=USAGE)
    return key
