"""Retained audio on a disk: through a stop and a reboot, and where there is no room for it.

No room is a tmpfs of one megabyte, mounted for the daemon alone; where the machine does not allow that, the
kernel refuses to let files grow, which looks the same.
"""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..support.namespace import mounting, private, seen_by
from ..support.proxy import proxy
from ..support.v3_server import turns_of_five, v3_server
from .coded import RATE_HZ, WORD, finish, recording, words
from .running import Daemon, daemon, folder
from .world import World

LATER_S = 60
"""The second run hears what is numbered from here on."""
SECOND_S = 4
WAYS = [
    *(["tmpfs"] if private() else []),
    pytest.param("limit", marks=pytest.mark.slow if private() else ()),
]
RING = "ring.mic"


@contextmanager
def _spooling(
    path: Path, url: str, place: Path, *, prefix: tuple[str, ...] = (), done: bool = False
) -> Iterator[Daemon]:
    """Run the daemon on a recording with its retained audio on the disk."""
    with daemon(
        [{"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "off"}}],
        env={**os.environ, "ASSEMBLYAI_API_KEY": "canary"},
        place=place,
        prefix=prefix,
        top={"exit_when_done": done},
        capture={"retention_s": 60, "spool": "disk"},
        upstream={"service": "assemblyai", "url": url, "sessions_per_minute": 1000, "connect_timeout_s": 3},
    ) as heard:
        yield heard


def _reboot(place: Path) -> None:
    """Leave of a daemon's directories what is on the disk."""
    for each in place.iterdir():
        if each.is_dir():
            assert each.name == "state"
        else:
            each.unlink()


def test_what_is_pending_at_a_stop_is_delivered_after_a_reboot(tmp_path: Path) -> None:
    """Stopped in an outage: nothing is dropped, every word comes once, and then the copy is gone."""
    later = tmp_path / "later"
    later.mkdir()
    with folder() as place, v3_server() as server, proxy(server.url) as net:
        url = net.through(server.url)
        with _spooling(recording(tmp_path, 40), url, place) as first:
            World(first, net, server).until_sent(3.8)
            net.refuse()
            net.cut()
            first.listen(3)
            first.ask("stop")
            last = finish(first, 40)
        before = last["sources"]["mic"]
        captured, ledger = before["ledger"]["captured"], before["ledger"]
        assert ledger["dropped"] == {}
        assert captured == ledger["delivered"] + ledger["pending"]
        copy = place / "state" / "spool" / RING
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
        assert not (place / RING).exists()
        _reboot(place)
        net.heal()
        with _spooling(recording(later, SECOND_S, LATER_S), url, place, done=True) as second:
            last = finish(second, 60)
        assert not copy.exists()
        after = last["sources"]["mic"]["ledger"]
        assert after["captured"] == after["delivered"] == ledger["pending"] + SECOND_S * RATE_HZ

        sent = {n for record in server.records for n in record.samples}
        assert sent == {*range(captured), *range(LATER_S * RATE_HZ, (LATER_S + SECOND_S) * RATE_HZ)}
        finals = sorted(first.finals() + second.finals(), key=lambda final: final["start"])
        assert len({final["turn_id"] for final in finals}) == len(finals)
        old = [n for n in range(captured // WORD) if turns_of_five(n)]
        new = [n for n in range(2 * LATER_S, 2 * (LATER_S + SECOND_S)) if turns_of_five(n)]
        said = [int(word[1:]) for word in words(finals)]
        # Stopped in mid-word: more than half of it is enough to be understood.
        assert said in (old + new, [*old, captured // WORD, *new]), "every word of both runs, once"


def _told(heard: Daemon) -> list[tuple[str, str, str]]:
    return [(body["process"], body["what"], body["event"]) for body in heard.bodies("fault")]


def _give_room(heard: Daemon, state_dir: Path, way: str) -> None:
    if way == "limit":
        pid = heard.status()["processes"]["capture"]["pid"]
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        return
    user = ("--user", "--preserve-credentials") if "--map-root-user" in (private() or ()) else ()
    enter = ("nsenter", "--target", str(heard.child.pid), *user, "--mount")
    subprocess.run([*enter, "mount", "-o", "remount,size=16m", str(state_dir)], check=True, timeout=30)


@pytest.mark.parametrize("way", WAYS)
def test_without_room_audio_flows_and_the_fault_heals(way: str, tmp_path: Path) -> None:
    """Status and a message name the spool; once there is room it is used; no restart in between."""
    with folder() as place, v3_server() as server:
        state_dir = place / "state"
        state_dir.mkdir(mode=0o700)
        tmpfs = ("-t", "tmpfs", "-o", "size=1m,mode=0700", "heard-test", str(state_dir))
        prefix = mounting(tmpfs) if way == "tmpfs" else ("prlimit", "--fsize=1000000:unlimited")
        with _spooling(recording(tmp_path, 30), server.url, place, prefix=prefix) as heard:
            # The message that it began may come before anybody is subscribed.
            heard.until(lambda: heard.status()["faults"], 40, "the fault")
            (fault,) = heard.status()["faults"]
            assert (fault["process"], fault["what"]) == ("capture", "spool")
            assert RING in fault["detail"]
            heard.until(heard.finals, 40, "a final")
            assert heard.status()["state"] == "degraded"
            _give_room(heard, state_dir, way)
            heard.until(lambda: heard.status()["faults"] == [], 40, "the fault to be over")
            over = ("capture", "spool", "over")
            heard.until(lambda: over in _told(heard), 40, "the message that it is over")
            seen = seen_by(heard.child.pid, state_dir) / "spool" / RING
            assert seen.stat().st_size > 60 * 2 * RATE_HZ
            assert heard.status()["processes"]["capture"]["restarts"] == 0
            ledger = heard.source("mic")["ledger"]
            assert (ledger["gaps"], ledger["dropped"]) == ({}, {})
        shutil.rmtree(state_dir, ignore_errors=True)
