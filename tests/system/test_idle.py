"""The real daemon in a room where nobody speaks for long: no session is open, and no word is lost.

Against the scripted service the audio numbers its own samples, so what was sent is known sample for
sample; against the recognizer that comes with heard it is real speech.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ..support.corpus import utterances
from ..support.scene import Scene
from ..support.v3_server import v3_server
from ..support.wer import word_errors
from .coded import RATE_HZ, recording, words
from .running import Daemon, daemon

IDLE_S = 10
SLACK_S = 40


def changes(heard: Daemon, source: str) -> list[str]:
    """Return the events of a source's sessions; the first may come before a subscriber is there."""
    events = [body["event"] for body in heard.bodies(f"upstream.{source}")]
    return [event for event in events if event != "connecting"]


def state(heard: Daemon, source: str) -> str:
    """Return the state of a source's session."""
    return str(heard.source(source)["upstream"]["state"])


def at_rest(heard: Daemon) -> tuple[str, str]:
    """Return the state of the only source's session, and the daemon's."""
    status = heard.status()
    return status["sources"]["mic"]["upstream"]["state"], status["state"]


def test_long_silence_has_no_session_and_the_first_word_is_whole(tmp_path: Path) -> None:
    """Words, some twenty seconds of nothing, words: two sessions, every word once, the ledger whole."""
    scene = Scene(7, 37, 8)
    samples = round(scene.seconds * RATE_HZ)
    path = tmp_path / "scene.wav"
    soundfile.write(path, np.frombuffer(scene.sound(0, samples), "<i2"), RATE_HZ, subtype="PCM_16")
    source = {"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "off"}}
    env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
    with v3_server(spoken=scene.spoken) as server:
        upstream = {"service": "assemblyai", "url": server.url, "idle_close_s": IDLE_S}
        with daemon([source], env=env, top={"exit_when_done": True}, upstream=upstream) as heard:
            heard.until(lambda: "closed" in changes(heard, "mic"), scene.seconds + SLACK_S, "the silence")
            (closed,) = [body for body in heard.bodies("upstream.mic") if body["event"] == "closed"]
            assert closed["reason"] == "idle: no speech for 10 s"
            heard.until(lambda: at_rest(heard) == ("closed", "ready"), SLACK_S, "the status to say so")
            ledger = heard.ended(scene.seconds + SLACK_S)["sources"]["mic"]["ledger"]
        assert changes(heard, "mic") == ["open", "closed"] * 2
        finals = sorted(heard.finals(), key=lambda final: final["start"])
        assert words(finals) == [f"w{slot}" for slot in sorted(scene.words)]
        assert len(server.records) == 2
        assert server.violations == []
    seen = [body["sources"]["mic"]["upstream"] for body in heard.bodies("status")]
    assert [each["backlog_s"] for each in seen if each["state"] == "closed" and each["backlog_s"]] == []
    assert ledger["captured"] == samples
    assert set(ledger["dropped"]) == {"silence"}
    assert ledger["delivered"] + ledger["dropped"]["silence"] == samples
    # The session is closed at 13 s at the latest, and the next one hears from 2 s before the tone on.
    assert ledger["dropped"]["silence"] >= RATE_HZ


@pytest.mark.slow  # test_mute.py is quicker
def test_a_muted_source_has_no_session_and_an_ended_one_neither(tmp_path: Path) -> None:
    """Closed by `mute`, opened again by `unmute`, closed at the end of the file."""
    path = recording(tmp_path, 12)
    source = {"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "off"}}
    env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
    with v3_server() as server:
        upstream = {"service": "assemblyai", "url": server.url, "idle_close_s": IDLE_S}
        with daemon([source], env=env, upstream=upstream) as heard:
            heard.until(heard.finals, SLACK_S, "a turn")
            heard.ask("mute", source="mic")
            heard.until(lambda: changes(heard, "mic")[-1] == "closed", SLACK_S, "the session to be closed")
            assert [m["type"] for m in server.records[0].messages] == ["Terminate"]
            heard.until(lambda: state(heard, "mic") == "closed", SLACK_S, "the status to say so")
            heard.ask("unmute", source="mic")
            heard.until(lambda: changes(heard, "mic")[-1] == "open", SLACK_S, "the next session")
            heard.until(lambda: changes(heard, "mic")[-1] == "closed", SLACK_S, "the end of the file")
            heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, SLACK_S, "all to be settled")
            assert heard.source("mic")["state"] == "ended"
            ledger = heard.source("mic")["ledger"]
            assert (ledger["delivered"], ledger["dropped"]) == (ledger["captured"], {})
        assert len(server.records) == 2
        assert server.violations == []


@pytest.mark.slow
def test_real_speech_after_a_minute_of_noise_is_understood_from_its_first_word(tmp_path: Path) -> None:
    """The recognizer that comes with heard, faster than real time: speech, a humming room, speech."""
    speech = {utterance.name: utterance for utterance in utterances()}
    first, second = speech["jfk-inaugural"], speech["ls-3080-5032-0000"]
    room = np.random.default_rng(3).standard_normal(60 * RATE_HZ) * 0.002
    sound = np.concatenate([first.samples(), room, second.samples(), room[: 2 * RATE_HZ]])
    path = tmp_path / "room.wav"
    soundfile.write(path, sound, RATE_HZ, subtype="PCM_16")
    source = {"name": "mic", "input": "file", "path": str(path), "pace": "fast"}
    top = {"exit_when_done": True}
    with daemon([source], top=top, upstream={"idle_close_s": IDLE_S}) as heard:
        ledger = heard.ended(80)["sources"]["mic"]["ledger"]
    assert changes(heard, "mic") == ["open", "closed"] * 2
    said = f"{first.transcript} {second.transcript}"
    wrong, of = word_errors(said, heard.text())
    assert wrong <= 0.15 * of, heard.text()
    assert "but i am" in heard.text().lower()
    assert ledger["dropped"].keys() == {"silence"}
    assert ledger["dropped"]["silence"] > 35 * RATE_HZ
    assert ledger["captured"] == len(sound) == ledger["delivered"] + ledger["dropped"]["silence"]
