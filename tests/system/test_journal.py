"""What the daemon heard can be asked for, also after a crash and in the next run, until it is forgotten."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..support import processes
from ..support.v3_server import v3_server
from .coded import recording
from .running import Body, Daemon, control, daemon, folder

WAIT_S = 60.0


def heardctl(heard: Daemon, *words: str) -> processes.Finished:
    """Run `heardctl` on the daemon."""
    return processes.run(control(*words, "--endpoint", f"ipc://{heard.folder}/control"), limit_s=WAIT_S)


@contextmanager
def hearing(path: Path, url: str, place: Path, **publish: object) -> Iterator[Daemon]:
    """Run the daemon on a recording as fast as it goes, until its last final is published."""
    source = {
        "name": "mic",
        "input": "file",
        "path": str(path),
        "pace": "fast",
        "denoise": {"backend": "off"},
    }
    with daemon(
        [source],
        env={**os.environ, "ASSEMBLYAI_API_KEY": "canary"},
        place=place,
        upstream={"service": "assemblyai", "url": url},
        publish=publish,
    ) as heard:
        heard.wait_ready()
        heard.until(lambda: heard.source("mic")["state"] == "ended", WAIT_S, "the end of the recording")
        heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, WAIT_S, "the last final")
        heard.catch_up()
        # What goes this fast may be said before anybody is subscribed.
        heard.mend()
        yield heard


def told(heard: Daemon, **args: object) -> list[Body]:
    """Return what `history` answers."""
    transcripts: list[Body] = heard.ask("history", **args)["transcripts"]
    return transcripts


def test_what_was_said_is_there_until_it_is_forgotten(tmp_path: Path) -> None:
    """Same answers after kill -9 of publish; the next run has its own and others'; forgotten is forgotten."""
    path = recording(tmp_path, 8)
    with folder() as place, v3_server() as server:
        with hearing(path, server.url, place) as heard:
            finals = [{**body, "topic": "transcript.final.mic"} for body in heard.finals()]
            assert len(finals) >= 3
            assert told(heard) == finals
            assert told(heard, source="mic", after=finals[1]["seq"]) == finals[2:]
            word = finals[1]["text"].split()[0].strip(".").lower()
            found = heard.ask("search", words=word)["transcripts"]
            assert [body["turn_id"] for body in found] == [finals[1]["turn_id"]]

            os.kill(heard.status()["processes"]["publish"]["pid"], signal.SIGKILL)
            heard.until(
                lambda: heard.status()["processes"]["publish"]["restarts"] == 1, WAIT_S, "a new process"
            )
            heard.until(lambda: heard.status()["processes"]["publish"]["state"] == "ready", WAIT_S, "publish")
            assert told(heard) == finals
            events = {body["topic"] for body in heard.ask("history", events=True)["events"]}
            assert {"upstream.mic", "source.mic"} <= events
            run = finals[0]["run"]
        path = recording(tmp_path, 4)
        with hearing(path, server.url, place) as heard:
            now = [{**body, "topic": "transcript.final.mic"} for body in heard.finals()]
            assert (told(heard), told(heard, run=run), told(heard, run="*")) == (now, finals, finals + now)
            lines = heardctl(heard, "history").stdout.splitlines()
            assert [line.partition(": ")[2] for line in lines] == [body["text"] for body in finals + now]
            assert len(heardctl(heard, "search", word).stdout.splitlines()) == 2
            # All of the first run; a turn of the second that begins the span with its end goes as well.
            done = heardctl(heard, "forget", "--until", f"@{now[0]['start']}", "--yes")
            assert done.stdout.startswith(f"deleted: {len(finals)} turns and ")
            assert told(heard, run="*") == now
            heard.until(lambda: heard.status()["publish"]["journal_rows"] == len(now), WAIT_S, "the count")
            assert heardctl(heard, "forget", "--all", "--yes").code == 0
            left = {file.name for file in heard.state_dir.iterdir() if word.encode() in file.read_bytes()}
            assert left == set()
            assert heardctl(heard, "history").stdout == ""


def test_without_a_journal_the_client_hears_how_to_have_one(tmp_path: Path) -> None:
    """And no file is made."""
    with (
        folder() as place,
        v3_server() as server,
        hearing(recording(tmp_path, 4), server.url, place, journal=False) as heard,
    ):
        with pytest.raises(LookupError, match=r"not-available.*set `publish.journal = true`"):
            heard.ask("history")
        done = heardctl(heard, "search", "word")
        assert (done.code, done.stderr.count("\n")) == (1, 1)
        assert not (heard.state_dir / "journal.sqlite3").exists()
