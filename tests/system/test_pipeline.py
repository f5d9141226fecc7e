"""The whole daemon on real recordings: real processes, pipes and recognizer."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import msgpack
import pytest
import zmq

from ..support.corpus import utterance
from ..support.poll import until
from ..support.wer import word_error_rate
from .running import Body, daemon

WAIT_S = 40
FRAMES_OF_TIME = ("capture", "denoise", "upstream", "recognize", "publish")


def _file(name: str, recording: str, **more: object) -> dict[str, object]:
    return {"name": name, "input": "file", "path": str(utterance(recording).path), **more}


def _adds_up(ledger: Body) -> bool:
    return bool(
        ledger["captured"] == ledger["delivered"] + ledger["pending"] + sum(ledger["dropped"].values())
    )


def test_a_recording_at_real_time_pace_becomes_its_transcript() -> None:
    """Partials come while it is spoken, finals once per turn, times are true, every sample is settled."""
    said = utterance("ls-198-209-0000")
    with daemon([_file("mic", said.name)], limit_s=110, top={"exit_when_done": True}) as heard:
        last = heard.ended(100)
        assert word_error_rate([(said.transcript, heard.text())]) <= 0.2
        finals, partials = heard.finals(), heard.bodies("transcript.partial.")
        assert partials
        assert {p["turn_id"] for p in partials} <= {f["turn_id"] for f in finals}
        assert len({f["turn_id"] for f in finals}) == len(finals)
        assert [f["seq"] for f in finals] == list(range(1, len(finals) + 1))
        began = heard.bodies("status")[-1]["sources"]["mic"]["started"]
        for final in finals:
            assert began <= final["start"] < final["end"] <= began + said.duration_s + 0.1
            latency = final["latency_ms"]
            assert latency["total"] == pytest.approx(sum(latency[s] for s in FRAMES_OF_TIME), abs=0.01)
            assert final["time"] - final["end"] == pytest.approx(latency["total"] / 1000, abs=0.05)
            assert final["words"][0]["start"] == final["start"]
            assert final["words"][-1]["end"] == final["end"]
        ledger = last["sources"]["mic"]["ledger"]
        assert ledger["captured"] == ledger["delivered"] == said.pcm().size
        assert ledger["pending"] == 0
        assert all(_adds_up(b["sources"]["mic"]["ledger"]) for b in heard.bodies("status"))
        assert heard.bodies("source.mic")[-1]["event"] == "ended"
        assert {b["event"] for b in heard.bodies("upstream.mic")} >= {"connecting", "open", "closed"}
        levels = heard.bodies("level.mic")
        # Of sound, not of the clock: what was late is caught up.
        assert 8 < len(levels) / said.duration_s < 12
        assert {"rms_dbfs", "peak_dbfs", "denoised_rms_dbfs", "denoised_peak_dbfs", "snr_db"} <= set(
            levels[0]
        )


def test_several_sources_at_once_and_fast() -> None:
    """Two files as fast as they go: each has its own transcript, numbers and ledger."""
    one, two = utterance("vctk-p225-011"), utterance("lj-LJ001-0004")
    sources = [
        _file("one", one.name, pace="fast"),
        _file("two", two.name, pace="fast", denoise={"backend": "off"}),
    ]
    with daemon(sources, limit_s=110, top={"exit_when_done": True}) as heard:
        last = heard.ended(100)
        for name, said in (("one", one), ("two", two)):
            assert word_error_rate([(said.transcript, heard.text(name))]) <= 0.25
            assert [f["seq"] for f in heard.finals(name)] == list(range(1, len(heard.finals(name)) + 1))
            ledger = last["sources"][name]["ledger"]
            assert ledger["captured"] == ledger["delivered"] == said.pcm().size


def test_the_control_socket_changes_what_runs() -> None:
    """Every op of this version, from REQ and DEALER clients, on a looped recording."""
    with daemon([_file("mic", "vctk-p225-011", loop=True)]) as heard:
        heard.wait_ready()
        hello = heard.ask("hello")
        assert hello["transcripts"] == f"ipc://{heard.folder}/transcripts"
        assert hello["run"] == heard.bodies("status")[-1]["run"]
        request = msgpack.packb({"v": 1, "id": 5, "op": "hello"})
        assert heard.exchange([request], zmq.DEALER)["id"] == 5
        assert heard.exchange([b"", request], zmq.DEALER)["id"] == 5

        assert heard.ask("set", source="mic", key="denoise.mix", value=0.75) == {"denoise.mix": 0.75}
        heard.until(
            lambda: heard.source("mic")["denoise"]["mix"] == 0.75, WAIT_S, "the new mix in the status"
        )
        assert heard.ask("get", source="mic")["denoise.mix"] == 0.75
        assert heard.ask("set", source="mic", key="denoise.backend", value="off")["denoise.backend"] == "off"
        with pytest.raises(LookupError, match="bad-value"):
            heard.ask("set", source="mic", key="denoise.mix", value=3)
        with pytest.raises(LookupError, match="unknown-source"):
            heard.ask("mute", source="nobody")

        assert heard.ask("mute", source="mic") == {"sources": {"mic": "muted"}}
        before = heard.source("mic")["ledger"]
        assert heard.source("mic")["state"] == "muted"
        heard.until(lambda: heard.source("mic")["ledger"]["muted"] > 8000, WAIT_S, "half a second muted")
        assert heard.source("mic")["ledger"]["captured"] == before["captured"]
        heard.ask("unmute")
        heard.until(lambda: heard.source("mic")["state"] == "live", WAIT_S, "live again")
        count = len(heard.finals())
        heard.until(lambda: heard.bodies("transcript.partial.")[-1:], WAIT_S, "a partial")
        assert heard.ask("endpoint", source="mic")["sources"]["mic"]
        heard.until(lambda: len(heard.finals()) > count, WAIT_S, "a final after endpoint")
        old = heard.source("mic")["upstream"]["session"]
        heard.ask("reconnect")
        heard.until(
            lambda: heard.source("mic")["upstream"]["session"] not in (None, old), WAIT_S, "a new session"
        )
        assert heard.ask("stop") == {}
        heard.until(lambda: not heard.child.running, WAIT_S, "the daemon to end")
        assert heard.child.code == 0, heard.child.tail()
        # On a busy machine one may be cut short, which is an error of its own.
        lines = heard.child.complained().splitlines()
        assert [line for line in lines if "error" in line and "after the stop: killed" not in line] == []
        assert _adds_up(heard.last_run()["sources"]["mic"]["ledger"])


@pytest.mark.parametrize(
    "garbage", [b"", b"\xc1", b"x" * 3_000_000, msgpack.packb([1]), msgpack.packb({"v": 9})]
)
def test_garbage_on_the_control_socket_is_answered(garbage: bytes) -> None:
    """An error reply, and the daemon goes on."""
    with daemon([_file("mic", "vctk-p225-011", loop=True)]) as heard:
        heard.wait_ready()
        assert heard.exchange([garbage])["ok"] is False
        assert heard.exchange([b"a", b"b"])["error"]["code"] == "bad-request"
        assert heard.status()["state"] == "ready"


@pytest.mark.parametrize(
    "stage",
    # Those that test_soak.py kills as well, without the real recognizer, are for `make test-slow`.
    ["denoise", *(pytest.param(each, marks=pytest.mark.slow) for each in ("upstream", "publish"))],
)
def test_a_stage_that_dies_costs_nothing(stage: str) -> None:
    """Kill -9 in mid-speech: restarted; every sample settled, finals once, the text whole."""
    said = utterance("ls-198-209-0000")
    with daemon([_file("mic", said.name)], limit_s=110, top={"exit_when_done": True}) as heard:
        heard.until(lambda: heard.bodies("transcript.partial."), WAIT_S, "a partial")
        pid = heard.status()["processes"][stage]["pid"]
        os.kill(pid, signal.SIGKILL)
        last = heard.ended(100)
        assert last["processes"][stage]["restarts"] == 1
        ledger = last["sources"]["mic"]["ledger"]
        assert ledger["captured"] == ledger["delivered"] == said.pcm().size
        finals = heard.finals()
        assert len({f["turn_id"] for f in finals}) == len(finals)
        assert [f["seq"] for f in finals] == list(range(1, len(finals) + 1))
        assert word_error_rate([(said.transcript, heard.text())]) <= 0.25


def test_a_stop_ends_in_time_whatever_hangs() -> None:
    """Every child stopped by SIGSTOP, as by a deadlock: they are killed, and the daemon ends."""
    with daemon([_file("mic", "vctk-p225-011", loop=True)]) as heard:
        heard.wait_ready()
        processes = heard.status()["processes"]
        children = [each["pid"] for name, each in processes.items() if name != "supervise"]
        for pid in children:
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        heard.child.signal(signal.SIGTERM)
        heard.child.wait(40)
        # In 5 s where nothing else is to be done; if each had its time after the other, 20 s.
        assert time.monotonic() - began < 15, heard.child.tail()
        assert heard.child.complained().count("killed") == len(children)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), WAIT_S, "all to be gone")


def test_what_was_set_outlives_the_stage_that_has_it() -> None:
    """A killed denoise or upstream comes back with the values that `set` gave it, and a mute stays."""
    with daemon(
        [_file("mic", "vctk-p225-011", loop=True), _file("two", "vctk-p225-011", loop=True)]
    ) as heard:
        heard.wait_ready()
        heard.ask("set", source="mic", key="denoise.mix", value=0.75)
        heard.ask("set", source="mic", key="upstream.keyterms_prompt", value=["rainbow"])
        heard.ask("mute", source="two")
        for stage in ("denoise", "upstream", "capture"):
            os.kill(heard.status()["processes"][stage]["pid"], signal.SIGKILL)
        heard.until(
            lambda: all(
                process["state"] == "ready"
                and (name not in ("denoise", "upstream", "capture") or process["restarts"])
                for name, process in heard.status()["processes"].items()
            ),
            60,
            "all three to be back",
        )
        assert heard.ask("get", source="mic", key="denoise.mix") == {"denoise.mix": 0.75}
        assert heard.ask("get", source="two", key="denoise.mix") == {"denoise.mix": 0.3}
        heard.until(
            lambda: heard.ask("get", source="mic").get("upstream.keyterms_prompt") == ["rainbow"],
            WAIT_S,
            "the keyterms",
        )
        assert heard.source("two")["state"] == "muted"
        assert _adds_up(heard.source("mic")["ledger"])
