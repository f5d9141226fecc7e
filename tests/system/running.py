"""The real daemon for a test: `heard run` as a child process, with a plain subscriber and a control client.

Both clients use pyzmq and msgpack alone, as a stranger's program would.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgpack
import zmq

from ..support.processes import Child, started

READY_S = 60.0
ASK_S = 30.0
BEHIND_S = 30.0
"""The longest that a message takes, where the machine is busy."""
SILENT_S = 5.0
"""Nothing comes any more so long after the end of a daemon."""
AWAY_S = 0.5
"""Levels come ten times a second: a subscriber that has got nothing for so long was not there."""

Body = dict[str, Any]  # what a stranger's client gets from msgpack


class Daemon:
    """A running daemon.

    child    the `heard run` process
    folder   its runtime directory
    heard    every message that was received so far, as (topic, body)
    """

    def __init__(self, child: Child, folder: Path) -> None:
        self.child = child
        self.folder = folder
        self.state_dir = folder / "state"
        self.heard: list[tuple[str, Body]] = []
        self._context = zmq.Context()
        self._subscriber = self._context.socket(zmq.SUB)
        self._subscriber.setsockopt(zmq.RECONNECT_IVL, 10)
        self._subscriber.setsockopt(zmq.RCVHWM, 0)
        self._subscriber.subscribe("")
        self._subscriber.connect(f"ipc://{folder}/transcripts")

    def close(self) -> None:
        """Close the clients."""
        self._context.destroy(linger=0)

    def listen(self, seconds: float = 0.05) -> None:
        """Receive what comes within `seconds`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 or self._subscriber.poll(0):
            if not self._subscriber.poll(max(0, int(left * 1000))):
                return
            topic, data = self._subscriber.recv_multipart()
            body: Body = msgpack.unpackb(data)
            if topic == b"status":
                check_ledgers(body)
            self.heard.append((topic.decode(), body))

    def until(self, predicate: Callable[[], object], deadline_s: float, what: str) -> None:
        """Listen until `predicate` holds.

        Raises:
            TimeoutError: it did not within `deadline_s`; the text has the daemon's log.
        """
        deadline = time.monotonic() + deadline_s
        while not predicate():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {deadline_s:g} s for {what}\n{self.child.tail()}")
            self.listen()

    def catch_up(self) -> None:
        """Receive all that was published before this call, whatever the status said of it already.

        The two sockets know nothing of each other; but a status that is newer is published behind it all.
        """
        asked = self.status()["uptime_s"]
        self.until(
            lambda: any(body["uptime_s"] > asked for body in self.bodies("status")),
            BEHIND_S,
            "a newer status",
        )

    def ended(self, limit_s: float) -> Body:
        """Listen to the daemon's own, orderly end and to all that it published; return its last status.

        Raises:
            TimeoutError: it goes on after `limit_s`.
        """
        self.until(lambda: not self.child.running, limit_s, "the daemon to end")
        assert self.child.code == 0, self.child.tail()
        last = self.last_run()
        heard, until = 0, time.monotonic() + SILENT_S
        # Its last status is behind all else; but a publish that was killed just before sends none.
        while time.monotonic() < until and not self._has_heard(last):
            self.listen()
            if len(self.heard) > heard:
                heard, until = len(self.heard), time.monotonic() + SILENT_S
        self.mend()
        return last

    def _has_heard(self, status: Body) -> bool:
        """Whether this status was published, or a newer one."""
        return any(
            body["run"] == status["run"] and body["uptime_s"] >= status["uptime_s"]
            for body in self.bodies("status")
        )

    def mend(self) -> None:
        """Take from the journal what was published while nobody was subscribed, as `heard_client` does.

        On a busy machine the subscriber may come late, or come late again to a publish that was killed. What
        was published while it got other messages is not taken: that is lost, and for the test to find.
        """
        path = self.state_dir / "journal.sqlite3"
        runs = {body["run"] for body in self.bodies("status")}
        if not path.exists():
            return
        with closing(sqlite3.connect(path)) as journal:
            rows = journal.execute(
                "SELECT 'transcript.final', source, body FROM finals "
                "UNION ALL SELECT topic, source, body FROM events"
            ).fetchall()
        had = {(topic, body["run"], body["seq"]) for topic, body in self.heard}
        times = sorted(body["time"] for _, body in self.heard)
        missed = [(f"{topic}.{source}", msgpack.unpackb(body)) for topic, source, body in rows]
        for topic, body in missed:
            before = bisect_left(times, body["time"])
            away = not before or body["time"] - times[before - 1] > AWAY_S
            if body["run"] in runs and (topic, body["run"], body["seq"]) not in had and away:
                at = [each["time"] for _, each in self.heard]
                self.heard.insert(bisect_left(at, body["time"]), (topic, body))

    def bodies(self, topic: str) -> list[Body]:
        """Return the bodies received under topics that begin with `topic`."""
        return [body for name, body in self.heard if name.startswith(topic)]

    def finals(self, source: str = "") -> list[Body]:
        """Return the finals received."""
        return self.bodies(f"transcript.final.{source}")

    def text(self, source: str = "") -> str:
        """Return the text of all finals received."""
        return " ".join(final["text"] for final in self.finals(source))

    def ask(self, op: str, **args: object) -> Body:
        """Send a request; return its result.

        Raises:
            LookupError: the reply is an error; its arguments are code and message.
        """
        reply = self.exchange([msgpack.packb({"v": 1, "id": "t", "op": op, "args": args})])
        if not reply["ok"]:
            raise LookupError(reply["error"]["code"], reply["error"]["message"])
        result: Body = reply["result"]
        return result

    def exchange(self, frames: list[bytes], kind: int = zmq.REQ) -> Body:
        """Send frames from a new socket of `kind`; return the decoded reply."""
        with self._context.socket(kind) as socket:
            socket.linger = 0
            socket.connect(f"ipc://{self.folder}/control")
            socket.send_multipart(frames)
            if not socket.poll(int(ASK_S * 1000)):
                raise TimeoutError(f"no reply within {ASK_S:g} s\n{self.child.tail()}")
            reply: Body = msgpack.unpackb(socket.recv_multipart()[-1])
            return reply

    def status(self) -> Body:
        """Ask for the status map."""
        status = self.ask("status")
        check_ledgers(status)
        return status

    def source(self, name: str) -> Body:
        """Ask for one source's status."""
        source: Body = self.status()["sources"][name]
        return source

    def last_run(self) -> Body:
        """Return what the daemon left in its state directory."""
        status: Body = json.loads((self.state_dir / "last-run.json").read_text(encoding="utf-8"))
        check_ledgers(status)
        return status

    def wait_ready(self, state: str = "ready") -> None:
        """Wait for the state that is published."""
        self.until(
            lambda: any(body["state"] == state for body in self.bodies("status")), READY_S, f"state {state}"
        )


def check_ledgers(status: Body) -> None:
    """Check that every captured sample is in one place; every status of every test comes by here."""
    for name, source in status["sources"].items():
        ledger = source["ledger"]
        told = ledger["delivered"] + ledger["pending"] + sum(ledger["dropped"].values())
        assert ledger["captured"] == told, f"{name}: the ledger does not add up: {ledger}"


def toml(value: object) -> str:
    """Return a value as TOML."""
    return json.dumps(value)


def configuration(
    folder: Path, sources: Sequence[Mapping[str, object]], **sections: Mapping[str, object]
) -> str:
    """Return a configuration with these sources (their `denoise` may be a map) and sections."""
    lines = [f"runtime_dir = {toml(str(folder))}", f"state_dir = {toml(str(folder / 'state'))}"]
    top = sections.pop("top", {})
    lines += [f"{key} = {toml(value)}" for key, value in top.items()]
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in values.items())]
    for source in sources:
        lines += ["[[source]]"]
        lines += [f"{key} = {toml(value)}" for key, value in source.items() if key != "denoise"]
        denoise = source.get("denoise")
        if isinstance(denoise, Mapping):
            lines += ["[source.denoise]", *(f"{key} = {toml(value)}" for key, value in denoise.items())]
    return "\n".join(lines) + "\n"


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a private directory whose path is short enough for unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="hd-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def command(*words: str) -> list[str]:
    """Return a `heard` command line for the interpreter that runs the tests."""
    return [sys.executable, "-m", "heard", *words]


def control(*words: str) -> list[str]:
    """Return a `heardctl` command line, likewise."""
    return [sys.executable, "-m", "heard_client", *words]


@contextmanager
def daemon(
    sources: Sequence[Mapping[str, object]],
    *,
    limit_s: float = 90.0,
    env: Mapping[str, str] | None = None,
    place: Path | None = None,
    prefix: Sequence[str] = (),
    **sections: Mapping[str, object],
) -> Iterator[Daemon]:
    """Run the daemon with these sources and configuration sections while the block runs.

    `place` is its runtime directory where it is not to be one of its own; `prefix` are the words of a
    program that runs the daemon as its command.
    """
    with folder() as made:
        path = place or made
        config = path / "heard.toml"
        config.write_text(configuration(path, sources, **sections), encoding="utf-8")
        environment = dict(os.environ if env is None else env)
        environment.pop("NOTIFY_SOCKET", None)
        argv = [*prefix, *command("run", "--config", str(config))]
        with started(argv, limit_s=limit_s, env=environment) as child:
            running = Daemon(child, path)
            try:
                yield running
            finally:
                running.close()
