"""A real sound server: PortAudio captures what plays into a PulseAudio sink, and the daemon hears it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..support.corpus import utterance
from ..support.processes import run
from ..support.sound_server import sound_server
from ..support.wer import word_error_rate
from .running import Body, command, daemon

TRIES = 3
"""Where the machine itself stands still for a moment, sound is lost that nobody could have heard."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("reads", ["callback", "blocking"])
def test_speech_played_into_a_sink_is_heard(reads: str) -> None:
    """Clean speech through the whole daemon: word error rate at most 0.2, no overrun, nothing lost."""
    said = utterance("ls-198-209-0000")
    for _ in range(TRIES):
        text, mic = heard_of(said.path, reads)
        if not mic["xruns"] and not mic["ledger"]["gaps"]:
            break
    assert word_error_rate([(said.transcript, text)]) <= 0.2, text
    assert mic["xruns"] == 0
    assert mic["ledger"]["dropped"] == {}
    assert mic["ledger"]["gaps"] == {}


def heard_of(path: Path, reads: str) -> tuple[str, Body]:
    """Play a file; return what was heard of it, and the status of its source once it is muted and settled."""
    with sound_server() as server:
        source = {"name": "mic", "input": "device", "device": server.sinks[0]}
        with daemon([source], env=server.environment(), capture={"reads": reads}) as heard:
            heard.wait_ready()
            server.play(path)
            heard.until(heard.finals, 40, "the transcript")
            heard.listen(2.5)
            assert heard.ask("mute") == {"sources": {"mic": "muted"}}
            heard.until(lambda: server.recorders() == 0, 20, "the device to be closed")
            heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, 40, "everything to settle")
            heard.catch_up()
            return heard.text(), heard.source("mic")


def test_devices_lists_the_sink_by_the_name_that_device_accepts() -> None:
    """`heard devices --format json`, as the contract has it."""
    with sound_server() as server:
        finished = run(command("devices", "--format", "json"), limit_s=60, env=server.environment())
        assert finished.code == 0, finished.stderr
        devices = json.loads(finished.stdout)
        assert server.sinks[0] in [device["name"] for device in devices]
        assert {"name", "kind", "channels", "default_rate_hz", "default"} <= set(devices[0])


def test_a_device_that_is_not_there_is_lost_and_the_names_are_said() -> None:
    """The daemon runs, degraded; the log lists what exists; it is looked for."""
    with sound_server() as server:
        source = {"name": "mic", "input": "device", "device": "no such thing"}
        with daemon([source], env=server.environment()) as heard:
            heard.wait_ready("degraded")
            assert heard.source("mic")["state"] == "lost"
            heard.until(lambda: server.sinks[0] in heard.child.complained(), 40, "the names in the log")
