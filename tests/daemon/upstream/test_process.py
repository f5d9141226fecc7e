"""The real process, between real pipes, against a scripted v3 server."""

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from heard.pipes import CLEAN
from heard.settings import Upstream
from heard.stage import RunFile
from heard.wire.codec import Body
from heard.wire.control import Code
from heard.wire.events import Ack
from heard.wire.positions import From, Received, Replay
from heard.wire.topics import Topic

from ...support.poll import until
from ...support.v3_server import Plan, turns_of_five, v3_server
from .harness import RATE_HZ, RUN, WAIT_S, Speaker, Stand, settings, stand, upstream, words_until

KEY = {"ASSEMBLYAI_API_KEY": "hush-hush-hush"}


def cloud(url: str, **changes: object) -> Upstream:
    """Return settings for the scripted service."""
    return replace(Upstream(service="assemblyai", url=url, sessions_per_minute=1000), **changes)  # type: ignore[arg-type]


def all_settled(it: Stand, samples: int, source: str = "mic") -> None:
    """Wait until all of a source is settled."""
    it.until(lambda: it.settled(source) == [(0, samples)], f"{source} to be settled")


def speak_until(it: Stand, speaker: Speaker, condition: Callable[[], object], what: str) -> None:
    """Speak on until `condition` holds: a session is replaced in a pause."""
    deadline = time.monotonic() + WAIT_S
    while not condition() and time.monotonic() < deadline:
        speaker.say(0.5, speed=1.0)
    it.until(condition, what)


def test_words_arrive_once_with_their_times(tmp_path: Path) -> None:
    """Real time: the right words, ids, times; every sample sent once and settled; the key nowhere."""
    with v3_server() as server:
        server.key = KEY["ASSEMBLYAI_API_KEY"]
        with stand(tmp_path, settings(cloud(server.url)), KEY) as it:
            speaker = Speaker(it)
            speaker.say(3.6, speed=1.0)
            speaker.end()
            all_settled(it, speaker.sample)
            it.until(lambda: it.status()["state"] == "closed", "the session to be closed")
            it.until(lambda: "closed" in it.changes(), "the event that says so")
            assert it.words() == words_until(3.6, turns_of_five)
            assert server.violations == []
            assert server.records[0].samples == list(range(speaker.sample))
            assert it.changes() == ["connecting", "open", "closed"]
            first = it.of(Topic.FINAL)[0]
            assert first["turn_id"] == "run-1-mic-0"
            assert first["session"] == server.records[0].id
            assert float(str(first["start"])) == pytest.approx(speaker.began, abs=0.02)
            assert float(str(first["end"])) == pytest.approx(speaker.began + 2.5, abs=0.02)
            assert [body["turn_id"] for body in it.of(Topic.PARTIAL)][:5] == ["run-1-mic-0"] * 5
            report = it.report
            assert report is not None
            assert report.sources["mic"]["turns"] == 2
            assert {"upstream", "total_sent", "recognize"} == set(report.sources["mic"]["latency_ms"])  # type: ignore[call-overload]
            whole = Received("mic", speaker.sample, speaker.sample)
            it.until(lambda: it.received() == whole, "the position that says so")
            assert it.replays()[0] == Replay("", From.SETTLED)
            said = f"{it.log.read_text()}{it.events}{it.report}{server.records[0].query}"
            assert "hush" not in said


def test_the_local_recognizer_is_fed_as_fast_as_it_reads(tmp_path: Path) -> None:
    """Over its unix socket, without a key, a minute of audio in seconds; two sources at once."""
    (tmp_path / "run").mkdir()
    recognizer = v3_server(Plan(pace=None), unix_path=tmp_path / "run" / "recognizer")
    with recognizer as server:
        with stand(tmp_path, settings(Upstream(), "left", "right")) as it:
            left, right = Speaker(it, "left"), Speaker(it, "right")
            for _ in range(6):
                left.say(10)
                right.say(5)
            left.end()
            right.end()
            all_settled(it, left.sample, "left")
            all_settled(it, right.sample, "right")
            assert it.words("left") == words_until(60, turns_of_five)
            assert it.words("right") == words_until(30, turns_of_five)
        assert server.violations == []
        assert len(server.records) == 2
        assert server.records[0].query["session_heartbeat"] == "true"
        assert server.records[0].authorization is None


def test_the_recognizer_may_come_up_later(tmp_path: Path) -> None:
    """It loads a model first: no outage is told, nothing is lost."""
    (tmp_path / "run").mkdir()
    with stand(tmp_path, settings(Upstream())) as it:
        speaker = Speaker(it)
        speaker.say(3)
        it.until(lambda: it.status()["state"] == "connecting", "an attempt")
        with v3_server(Plan(pace=None), unix_path=tmp_path / "run" / "recognizer"):
            speaker.end()
            all_settled(it, speaker.sample)
            it.until(lambda: "closed" in it.changes(), "the session to be closed")
        assert it.words() == words_until(3, turns_of_five)
        assert it.changes() == ["connecting", "open", "closed"]


def test_connections_that_break_lose_and_double_nothing(tmp_path: Path) -> None:
    """Refused, broken, closed with an Error, in mid-turn; then well."""
    plans = [
        Plan(status=503),
        Plan(reset_at_s=1.2),
        Plan(close_at_s=0.9, close=(3005, ""), error_text="Session Cancelled: An error occurred"),
        Plan(),
    ]
    with v3_server(*plans) as server:
        with stand(tmp_path, settings(cloud(server.url, catch_up="in-order")), KEY) as it:
            speaker = Speaker(it)
            speaker.say(3.2, speed=1.5)
            speaker.end()
            all_settled(it, speaker.sample)
            assert it.words() == words_until(3.2, turns_of_five)
            assert it.changes().count("outage") >= 1
        assert server.violations == []
        assert "Session Cancelled" in "".join(str(event.body.get("reason")) for event in it.events)


@pytest.mark.slow
def test_a_black_hole_is_noticed_within_ten_seconds(tmp_path: Path) -> None:
    """The peer reads and answers nothing more: outage, and all is said again on a new connection."""
    service = v3_server(Plan(deaf_at_s=0.5), Plan())
    with service as server, stand(tmp_path, settings(cloud(server.url, catch_up="in-order")), KEY) as it:
        speaker = Speaker(it)
        speaker.say(3.2, speed=1.5)
        speaker.end()
        it.until(lambda: "outage" in it.changes(), "the outage to be noticed", 10)
        all_settled(it, speaker.sample)
        assert it.words() == words_until(3.2, turns_of_five)


@pytest.mark.parametrize("seconds", [2.8])
def test_killed_and_started_anew_it_goes_on(tmp_path: Path, seconds: float) -> None:
    """After kill -9: with the audio from the settled position every word comes, under the same ids."""
    with v3_server() as server:
        config = settings(cloud(server.url))
        with stand(tmp_path, config, KEY) as it:
            speaker = Speaker(it)
            speaker.say(seconds, speed=1.0)
            assert it.process is not None
            it.process.send_signal(signal.SIGKILL)
            it.process.wait(30)
            it.read()
            settled = it.settled()[0][1] if it.settled() else 0
            anchor = next((e.settles.anchor for e in reversed(it.events) if e.settles), 0)
            before = {str(body["text"]).split()[0]: body["turn_id"] for body in it.of(Topic.PARTIAL)}
            it.positions.clear()
            with upstream(it, KEY):
                it.until(it.replays, "a replay to be asked for")
                again = Speaker(it, start=settled, anchor=anchor, pass_no=1)
                again.began = speaker.began
                again.say((speaker.sample - settled) / RATE_HZ)
                again.say(1.2, speed=1.0)
                again.end()
                all_settled(it, again.sample)
            finals = {str(body["turn_id"]): body for body in it.of(Topic.FINAL)}
            words = [word for body in finals.values() for word in str(body["text"]).split()]
            assert words == words_until(seconds + 1.2, turns_of_five)
            after = {str(body["text"]).split()[0]: turn_id for turn_id, body in finals.items()}
            assert {first: after[first] for first in before} == before


def test_a_refused_key_keeps_the_process_and_the_audio(tmp_path: Path) -> None:
    """State refused, one attempt; `reconnect` tries at once, and what was kept is heard."""
    with v3_server() as server:
        server.key = "another"
        with stand(tmp_path, settings(cloud(server.url)), KEY) as it:
            speaker = Speaker(it)
            speaker.say(0.6)
            it.until(lambda: it.status()["state"] == "refused", "the refusal")
            it.until(lambda: "refused" in it.changes(), "the event that says so")
            assert it.changes() == ["connecting", "refused"]
            assert str(it.status()["error"]).startswith("key refused: 1008: Unauthorized Connection")
            speaker.say(1)
            assert len(server.records) == 1
            server.key = KEY["ASSEMBLYAI_API_KEY"]
            answer = it.order("reconnect")
            assert answer.result == {"sources": {"mic": "connecting"}}
            speaker.end()
            all_settled(it, speaker.sample)
            assert it.words() == words_until(1.6, turns_of_five)


def test_without_a_key_nobody_is_called(tmp_path: Path) -> None:
    """Refused, with the places where a key may lie."""
    with v3_server() as server:
        with stand(tmp_path, settings(cloud(server.url))) as it:
            Speaker(it).say(0.2)
            it.until(lambda: it.status()["state"] == "refused", "the refusal")
            assert "no API key: give systemd's credential" in str(it.status()["error"])
        assert server.records == []


def test_orders(tmp_path: Path) -> None:
    """endpoint, get, set; wrong ones are answered with what would be right."""
    with v3_server() as server, stand(tmp_path, settings(cloud(server.url)), KEY) as it:
        speaker = Speaker(it)
        speaker.say(1.3, speed=1.0)
        it.until(lambda: it.status()["state"] == "open", "the session")
        it.until(lambda: it.of(Topic.PARTIAL), "a turn that can be ended")
        assert it.order("endpoint", "mic").result == {"sources": {"mic": "open"}}
        it.until(lambda: it.of(Topic.FINAL), "the turn to end")
        key, terms = "upstream.keyterms_prompt", ["heard", "ZeroMQ"]
        assert it.order("set", "mic", key=key, value=terms).result == {key: terms}
        assert it.order("get", "mic", key=key).result == {key: terms}
        assert it.order("get", "mic").result[key] == terms
        assert it.order("get", "mic", key="upstream.speech_model").result == {
            "upstream.speech_model": "u3-rt-pro"
        }
        sent = [message["type"] for message in server.records[0].messages]
        until(
            lambda: (
                sent[:] == ["ForceEndpoint", "UpdateConfiguration"]
                or sent.__setitem__(slice(None), [m["type"] for m in server.records[0].messages])
            ),
            WAIT_S,
            "both to arrive",
        )
        wrong: list[tuple[str, str, Body, Code, str]] = [
            ("set", "mic", {"key": "upstream.vad_threshold", "value": 2}, Code.BAD_VALUE, "from 0 to 1"),
            ("set", "mic", {"key": "upstream.speech_model", "value": ""}, Code.BAD_VALUE, "name a model"),
            ("set", "mic", {"key": "upstream.frame_ms", "value": 60}, Code.BAD_VALUE, "heardctl reload"),
            (
                "set",
                "mic",
                {"key": "upstream.fanfare", "value": 1},
                Code.BAD_VALUE,
                "can be set: upstream.",
            ),
            ("set", "mic", {"value": 1}, Code.BAD_REQUEST, "'key' is missing"),
            ("get", "mic", {"key": "upstream.prompt"}, Code.BAD_VALUE, "not set"),
            ("endpoint", "nobody", {}, Code.UNKNOWN_SOURCE, "there are: mic"),
            ("fanfare", "", {}, Code.UNKNOWN_OP, "does not know 'fanfare'"),
        ]
        for op, source, args, code, text in wrong:
            answer = it.order(op, source, **args)
            assert answer.code is code
            assert text in answer.message


def test_what_is_fixed_and_what_is_configured_takes_another_session(tmp_path: Path) -> None:
    """`set` of the model, then a reload with another service's address: the audio goes on there."""
    with v3_server() as server, v3_server() as second:
        config = settings(cloud(server.url))
        with stand(tmp_path, config, KEY) as it:
            speaker = Speaker(it)
            speaker.say(1.2, speed=1.0)
            it.until(lambda: "open" in it.changes(), "the session that is to be replaced")
            key = "upstream.speech_model"
            assert it.order("set", "mic", key=key, value="other").result == {key: "other"}
            speaker.say(2.3, speed=1.0)
            speak_until(
                it, speaker, lambda: it.changes().count("rotated") == 1, "the session with that model"
            )
            changed = replace(config, upstream=cloud(second.url, idle_close_s=60))
            RunFile(RUN, changed, frozenset()).write(it.runtime_dir)
            assert it.order("reload").code is None
            assert it.order("get", "mic", key="upstream.idle_close_s").result == {"upstream.idle_close_s": 60}
            assert it.order("get", "mic", key=key).result == {key: "u3-rt-pro"}
            speaker.say(3, speed=1.0)
            speak_until(it, speaker, lambda: it.changes().count("rotated") == 2, "the session elsewhere")
            speaker.end()
            all_settled(it, speaker.sample)
            assert it.words() == words_until(speaker.sample / RATE_HZ, turns_of_five)
            assert "outage" not in it.changes()
        assert [record.query["speech_model"] for record in server.records] == ["u3-rt-pro", "other"]
        assert [record.query["speech_model"] for record in second.records] == ["u3-rt-pro"]
        assert server.violations + second.violations == []


def test_what_matters_is_sent_again_to_a_new_publish(tmp_path: Path) -> None:
    """Unacknowledged events come again, in order, with their numbers; acknowledged ones do not."""
    with v3_server() as server, stand(tmp_path, settings(cloud(server.url), partials=False), KEY) as it:
        it.acknowledges = False
        speaker = Speaker(it)
        speaker.say(1, speed=1.2)
        speaker.end()
        it.until(lambda: it.changes() == ["connecting", "open", "closed"], "the session's events")
        all_settled(it, speaker.sample)
        numbers = [event.number for event in it.events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        it.acknowledge(Ack(numbers[1]))
        it.events.clear()
        it.acknowledge(Ack(0, fresh=True))
        it.until(lambda: len(it.events) == len(numbers) - 2, "what is not acknowledged")
        assert [event.number for event in it.events] == numbers[2:]


def test_stop_waits_for_the_last_words(tmp_path: Path) -> None:
    """The session is terminated, its final told and acknowledged; then the process ends with 0."""
    with v3_server() as server:
        with stand(tmp_path, settings(cloud(server.url)), KEY) as it:
            speaker = Speaker(it)
            speaker.say(1.8, speed=1.0)
            whole = Received("mic", speaker.sample, speaker.sample)
            # The last words are waited for, but not a session that is yet to be opened.
            it.until(lambda: it.received() == whole, "all to be sent")
            assert it.order("stop").code is None
            process = it.process
            assert process is not None
            it.until(lambda: process.poll() is not None, "the process to end")
            assert process.returncode == 0
            it.read()
            assert it.words() == words_until(1.8, turns_of_five)
            assert it.settled() == [(0, speaker.sample)]
        assert server.records[0].messages == [{"type": "Terminate"}]


def test_garbage_on_the_pipes_is_counted(tmp_path: Path) -> None:
    """It goes on, says so once, and shows it."""
    with v3_server() as server, stand(tmp_path, settings(cloud(server.url)), KEY) as it:
        for garbage in (b"", b"\xc1", b"\x80", b"\x81\xa1a\x01"):
            it._clean.send(garbage)
            it._acks.send(garbage, zmq.NOBLOCK)
        stranger = Speaker(it, "stranger")
        it.send(stranger.block())

        def counted() -> bool:
            counters = it.report.counters if it.report is not None else {}
            return counters.get("unreadable_blocks") == 5 and counters.get("unreadable_acknowledgements") == 4

        it.until(counted, "all to be counted")
        assert it.log.read_text().count("unreadable") == 1
        speaker = Speaker(it)
        speaker.say(0.7, speed=1.2)
        speaker.end()
        all_settled(it, speaker.sample)
        assert it.words() == ["w0"]


def test_the_pipe_is_read_while_there_is_no_service(tmp_path: Path) -> None:
    """Upstream takes every block at once and says so; the backlog shows."""
    with stand(tmp_path, settings(cloud("ws://127.0.0.1:1/v3/ws")), KEY) as it:
        speaker = Speaker(it)
        speaker.say(20)
        it.until(
            lambda: (r := it.received()) is not None and r.through == speaker.sample, "all to be received"
        )
        it.until(lambda: it.status()["state"] == "outage", "the outage")
        it.until(lambda: it.status()["backlog_s"] == 20.0, "the backlog")
        assert "refused" in str(it.status()["error"])
        received = it.received()
        assert received is not None
        assert received.sent == 0
        assert CLEAN.mark < 20 * 50
