"""Kill -9 of the main process: nothing of it goes on, and what it had not delivered the next run delivers."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ..support.poll import until
from ..support.processes import tree
from ..support.proxy import proxy
from ..support.sound_server import sound_server
from ..support.v3_server import turns_of_five, v3_server
from .coded import RATE_HZ, WORD, finish, hearing, recording, words
from .running import Daemon, daemon, folder
from .world import World

GONE_S = 20.0
"""Nobody who hears of it late ever leaves."""
LATER_S = 60
"""The second run hears what is numbered from here on."""
SECOND_S = 5


def _children(heard: Daemon) -> list[int]:
    return [pid for process in heard.status()["processes"].values() if (pid := process["pid"]) is not None]


def _kill(heard: Daemon, pids: list[int]) -> None:
    """Kill the main process; every other one is gone soon after."""
    heard.child.signal(signal.SIGKILL)
    heard.child.wait(GONE_S)
    until(lambda: not [pid for pid in pids if tree(pid)], GONE_S, "the end of every process")


def test_no_orphan_keeps_the_microphone_open() -> None:
    """The children notice within moments that the main process is gone, and leave; the device is closed."""
    with sound_server() as sound, v3_server() as server:
        source = {"name": "mic", "input": "device", "device": sound.sinks[0]}
        env = {**sound.environment(), "ASSEMBLYAI_API_KEY": "canary"}
        upstream = {"service": "assemblyai", "url": server.url}
        with daemon([source], env=env, upstream=upstream) as heard:
            heard.wait_ready()
            heard.until(lambda: server.records and server.records[0].audio, 40, "a session")
            assert sound.recorders() == 1
            pids = _children(heard)
            assert len(pids) == 5
            _kill(heard, pids)
            # Who holds it is a child of a child.
            until(lambda: sound.recorders() == 0, GONE_S, "the device to be closed")
            until(lambda: server.records[0].ended, GONE_S, "the end of the session")


def test_the_next_run_delivers_what_was_retained(tmp_path: Path) -> None:
    """Audio of an outage, still pending when all is killed: said once, at its own time, in its own ledger."""
    later = tmp_path / "later"
    later.mkdir()
    with folder() as place, v3_server() as server, proxy(server.url) as net:
        url = net.through(server.url)
        with hearing(recording(tmp_path, 40), url, place=place, exit_when_done=False) as first:
            world = World(first, net, server)
            world.until_sent(3.8)
            net.refuse()
            net.cut()
            world.until_event("outage")
            first.listen(4)
            pids = _children(first)
            before = first.source("mic")
            _kill(first, pids)
        net.heal()
        with hearing(recording(later, SECOND_S, LATER_S), url, place=place) as second:
            last = finish(second, 60)

        old = [n for record in server.records for n in record.samples if n < LATER_S * RATE_HZ]
        new = [n for record in server.records for n in record.samples if n >= LATER_S * RATE_HZ]
        captured = max(old) + 1
        assert captured >= before["ledger"]["captured"]
        assert set(old) == set(range(captured)), "all that was captured was sent"
        assert set(new) == set(range(LATER_S * RATE_HZ, (LATER_S + SECOND_S) * RATE_HZ))
        assert server.violations == []
        ledger = last["sources"]["mic"]["ledger"]
        adopted = captured - before["ledger"]["delivered"]
        assert ledger["captured"] == ledger["delivered"] == adopted + SECOND_S * RATE_HZ
        assert ledger["dropped"] == ledger["gaps"] == {}

        finals = sorted(first.finals() + second.finals(), key=lambda final: final["start"])
        assert len({final["turn_id"] for final in finals}) == len(finals)
        heard_first = [n for n in range(captured // WORD) if turns_of_five(n)]
        heard_second = [n for n in range(2 * LATER_S, 2 * (LATER_S + SECOND_S)) if turns_of_five(n)]
        said = [int(word[1:]) for word in words(finals)]
        # Killed in mid-word: more than half of it is enough to be understood.
        assert said in (
            heard_first + heard_second,
            [*heard_first, captured // WORD, *heard_second],
        ), "every word of both runs, once"
        began = before["started"]
        for final in second.finals():
            for word in final["words"]:
                number = int(word["text"][1:])
                if number < 2 * LATER_S:
                    assert word["start"] == pytest.approx(began + number / 2, abs=0.06), "true times"
                else:
                    assert word["start"] >= last["sources"]["mic"]["started"] - 0.06
