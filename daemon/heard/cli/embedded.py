"""A daemon of a command's own: in a private directory, gone with the command."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import zmq

from heard.cli.fail import FAILURE, Failure
from heard.settings import Publish, Settings, Source, to_json
from heard.wire.codec import Body, unpack

POLL_MS = 100
END_S = 8.0
"""Longest time that the daemon may take to end; its own deadlines are shorter."""


class EmbeddedDaemon:
    """The real daemon as a child process, and a subscriber to it; use it in a `with` statement.

    It lives in a private directory below the temporary one, removed at the end. Its log is kept there and
    shown only where the daemon fails.
    """

    def __init__(self, settings: Settings, topics: tuple[str, ...] = ("",)) -> None:
        # Below /tmp whatever $TMPDIR says: a unix socket's path has room for 107 bytes.
        self._directory = Path(tempfile.mkdtemp(prefix="heard-", dir="/tmp"))  # mode 0700
        self._log = self._directory / "log"
        endpoint = f"ipc://{self._directory}/transcripts"
        self.settings = replace(
            settings,
            runtime_dir=str(self._directory),
            state_dir=str(self._directory / "state"),
            publish=replace(settings.publish, endpoint=endpoint),
            control=replace(settings.control, endpoint=f"ipc://{self._directory}/control"),
        )
        self._topics = topics
        self.last_status: Body | None = None
        """The newest status that was published."""

    def __enter__(self) -> Self:
        """Start the daemon."""
        self._context = zmq.Context()
        self._subscriber = self._context.socket(zmq.SUB)
        self._subscriber.setsockopt(zmq.RCVHWM, 0)
        self._subscriber.setsockopt(zmq.LINGER, 0)
        self._subscriber.setsockopt(zmq.RECONNECT_IVL, 10)
        for topic in (*self._topics, "status"):
            self._subscriber.subscribe(topic)
        self._subscriber.connect(self.settings.publish.endpoint)
        settings_file = self._directory / "settings.json"
        settings_file.write_text(to_json(self.settings), encoding="utf-8")
        lifeline, self._held = os.pipe()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "heard.supervise",
                    "--settings",
                    str(settings_file),
                    "--lifeline",
                    str(lifeline),
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(lifeline,),
                # Ctrl-C is the command's to handle: it wants the last words too.
                start_new_session=True,
            )
        os.close(lifeline)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the daemon, and remove what it left."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(END_S)
        os.close(self._held)
        self._subscriber.close()
        self._context.term()
        shutil.rmtree(self._directory, ignore_errors=True)

    def messages(self) -> Iterator[tuple[str, Body]]:
        """Yield (topic, body) until the daemon ends; ask it to `stop` in between to end early.

        Raises:
            Failure: the daemon ended with an error; says what its log says.
        """
        while True:
            ended = self._process.poll() is not None
            # What is published last is in our queue by the time the daemon has gone.
            while self._subscriber.poll(0 if ended else POLL_MS):
                topic, data = self._subscriber.recv_multipart()
                body = unpack(data)
                if topic == b"status":
                    self.last_status = body
                yield topic.decode(), body
            if ended:
                break
        if self._process.returncode:
            raise Failure(
                self._complaint(), self._process.returncode if self._process.returncode > 0 else FAILURE
            )

    def stop(self) -> None:
        """Ask the daemon to end in good order; `messages` then ends with the last of them."""
        self._process.send_signal(signal.SIGTERM)

    def _complaint(self) -> list[str]:
        """Return what the log says is wrong: its errors, else its last line."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
        return errors or lines[-1:] or [f"the daemon ended with status {self._process.returncode}"]


def file_sources(paths: tuple[Path, ...], like: Source, *, pace: str) -> tuple[Source, ...]:
    """Return a source for each file, named after it, with the channel and noise reduction of `like`."""
    sources: list[Source] = []
    for path in paths:
        name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:28] or "file"
        if any(each.name == name for each in sources):
            name = f"{name}-{len(sources) + 1}"
        source = replace(like, name=name, input="file", path=str(path.absolute()), loop=False)
        sources.append(replace(source, pace="fast" if pace == "fast" else "realtime", rate_hz=0))
    return tuple(sources)


def quiet(settings: Settings) -> Settings:
    """Return the settings for a daemon whose log is read only when it fails."""
    publish: Publish = replace(settings.publish, journal=True, audio=False)
    return replace(settings, log_level="warning", publish=publish, exit_when_done=True)
