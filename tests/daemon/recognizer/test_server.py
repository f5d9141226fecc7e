"""The server as a process, with real clients, real recordings and real garbage."""

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import assemblyai.streaming.v3 as aai
import numpy as np
import pytest
import soxr
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from ...support import corpus
from ...support.poll import until
from ...support.processes import Child
from ...support.wer import word_error_rate
from .serving import ANSWER_S, Message, frames, receive, recognizer, rest, session, transcript_of

TERMINATE = '{"type":"Terminate"}'
NAME = "vctk-p225-011"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `threads` is how many it has when nobody is there."""

    child: Child
    url: str
    threads: int


def threads_of(child: Child) -> int:
    return len(list(Path(f"/proc/{child.pid}/task").iterdir()))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all tests of this file: none may harm it."""
    with recognizer(limit_s=900) as (child, url):
        yield Server(child, url, threads_of(child))
        assert child.running, child.tail()
        assert "Traceback" not in child.complained(), child.tail()
        assert child.terminate() == 0


@pytest.fixture
def url(server: Server) -> str:
    return server.url


def pcm(name: str = NAME, tail_s: float = 1.0) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    return np.concatenate((corpus.utterance(name).pcm(), np.zeros(int(tail_s * 16_000), np.int16)))


def transcribe(url: str, name: str = NAME, query: str = "") -> list[Message]:
    """Send a recording as fast as the server takes it, and return all messages."""
    with session(url, query) as connection:
        for frame in frames(pcm(name)):
            connection.send(frame)
        connection.send(TERMINATE)
        messages, code, _ = rest(connection)
        assert code == 1000
        return messages


def check_order(messages: list[Message]) -> None:
    """Begin first; per turn SpeechStarted, partials and one final; Termination last."""
    kinds = [m["type"] for m in messages]
    assert kinds[0] == "Begin"
    assert kinds[-1] == "Termination"
    turns = [m for m in messages if m["type"] == "Turn"]
    orders = [m["turn_order"] for m in turns]
    assert orders == sorted(orders)
    finals = [m["turn_order"] for m in turns if m["end_of_turn"]]
    assert finals == list(range(len(finals)))
    for m in turns:
        assert m["transcript"] == " ".join(w["text"] for w in m["words"])
        assert m["utterance"] == (m["transcript"] if m["end_of_turn"] else "")
        assert all(w["word_is_final"] is m["end_of_turn"] for w in m["words"])
        assert all(type(w["start"]) is type(w["end"]) is int for w in m["words"])


def test_a_recording_is_transcribed(url: str) -> None:
    """Begin, turns, Termination, close 1000; the words are right."""
    messages = transcribe(url)
    check_order(messages)
    begin, termination = messages[0], messages[-1]
    assert begin["configuration"]["model"] == "moonshine-tiny"
    assert begin["expires_at"] == pytest.approx(time.time() + 10_800, abs=60)
    assert termination["audio_duration_seconds"] == 7
    assert word_error_rate([(corpus.utterance(NAME).transcript, transcript_of(messages))]) <= 0.1


def test_several_sessions_at_once_do_not_disturb_each_other(url: str) -> None:
    """Four recordings at the same time say what each says alone; orders count from 0 in each."""
    names = (NAME, "arctic-aew-a0003", "lj-LJ001-0004", "vctk-p226-016")
    heard: dict[str, list[Message]] = {}
    threads = [threading.Thread(target=lambda n=n: heard.update({n: transcribe(url, n)})) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert set(heard) == set(names)
    for messages in heard.values():
        check_order(messages)
    assert len({messages[0]["id"] for messages in heard.values()}) == len(names)
    pairs = [(corpus.utterance(name).transcript, transcript_of(heard[name])) for name in names]
    assert word_error_rate(pairs) <= 0.2


def test_the_official_sdk_transcribes(url: str) -> None:
    """AssemblyAI's own client: Begin, turns, Termination, and the words."""
    for _ in range(3):
        turns = said_by_the_sdk(url)
        said = " ".join(turn.transcript for turn in turns if turn.end_of_turn)
        assert word_error_rate([(corpus.utterance(NAME).transcript, said)]) <= 0.2
        if any(not turn.end_of_turn for turn in turns):
            return
    # A server that is held up by others reads partials more seldom, but not thrice in a row none.
    pytest.fail("no partial came")


def said_by_the_sdk(url: str) -> list[aai.TurnEvent]:
    """Send a recording, four times real time, and return all turns."""
    begun, turns, ended, errors = [], [], [], []
    options = aai.StreamingClientOptions(
        api_key="any", api_host=url, connect_timeout=ANSWER_S, terminate_timeout=ANSWER_S
    )
    client = aai.StreamingClient(options)
    client.on(aai.StreamingEvents.Begin, lambda _, event: begun.append(event))
    client.on(aai.StreamingEvents.Turn, lambda _, event: turns.append(event))
    client.on(aai.StreamingEvents.Termination, lambda _, event: ended.append(event))
    client.on(aai.StreamingEvents.Error, lambda _, error: errors.append(error))
    client.connect(
        aai.StreamingParameters(
            sample_rate=16_000,
            speech_model=aai.SpeechModel.u3_rt_pro,
            format_turns=True,
            speaker_labels_revision_interval_ms=None,
        )
    )
    try:
        for frame in frames(pcm()):
            client.stream(frame)
            time.sleep(0.025)
        until(lambda: any(turn.end_of_turn for turn in turns), ANSWER_S, "a final")
    finally:
        client.disconnect(terminate=True)
    assert errors == []
    assert begun[0].id
    assert ended[0].audio_duration_seconds == 7
    return turns


def test_a_final_follows_the_pause_while_the_session_goes_on(url: str) -> None:
    """No Terminate is needed; UpdateConfiguration decides how long a pause must be."""
    with session(url) as connection:
        connection.send('{"type":"UpdateConfiguration","min_turn_silence":3000,"max_turn_silence":3000}')
        for frame in frames(pcm(tail_s=2.0)):
            connection.send(frame)
        connection.send('{"type":"UpdateConfiguration","min_turn_silence":100,"max_turn_silence":100}')
        connection.send(bytes(3200))
        messages = [receive(connection)]
        while not messages[-1].get("end_of_turn"):
            messages.append(receive(connection))
        assert sum(bool(m.get("end_of_turn")) for m in messages) == 1
        connection.send(TERMINATE)
        assert rest(connection)[1] == 1000


def test_force_endpoint_brings_the_final_of_an_open_turn(url: str) -> None:
    """In the middle of a sentence."""
    with session(url) as connection:
        for frame in frames(pcm(tail_s=0)[:64_000]):
            connection.send(frame)
        connection.send('{"type":"ForceEndpoint"}')
        messages = [receive(connection)]
        while not messages[-1].get("end_of_turn"):
            messages.append(receive(connection))
        assert messages[-1]["transcript"].startswith("When a man looks")


@pytest.mark.parametrize(
    ("rate_hz", "encoding"), [(8_000, "pcm_s16le"), (48_000, "pcm_s16le"), (8_000, "pcm_mulaw")]
)
def test_other_rates_and_encodings_are_understood(url: str, rate_hz: int, encoding: str) -> None:
    """Telephone and studio rates."""
    samples = soxr.resample(corpus.utterance(NAME).samples(), 16_000, rate_hz)
    data = (np.clip(samples, -1, 1) * 32_767).astype("<i2")
    if encoding == "pcm_mulaw":
        magnitude = np.log1p(255 * np.abs(data / 32_768)) / np.log(256)
        data = (~((np.round(magnitude * 127).astype(np.uint8)) | ((data < 0) << 7).astype(np.uint8))).astype(
            np.uint8
        )
    frame_bytes = rate_hz // 10 * data.itemsize
    raw = data.tobytes()
    with session(url, f"sample_rate={rate_hz}&encoding={encoding}") as connection:
        for at in range(0, len(raw) - frame_bytes, frame_bytes):
            connection.send(raw[at : at + frame_bytes])
        connection.send(TERMINATE)
        messages, _, _ = rest(connection)
    assert word_error_rate([(corpus.utterance(NAME).transcript, transcript_of(messages))]) <= 0.2
    assert messages[-1]["audio_duration_seconds"] == 6


def test_heartbeats_acknowledge_delivery(url: str) -> None:
    """A count of the ms taken in that reaches what was sent, also while nothing is sent."""
    with session(url, "session_heartbeat=True") as connection:
        assert receive(connection)["type"] == "Begin"
        for _ in range(5):
            connection.send(bytes(3200))
        counts = [0]
        while counts[-1] < 500:
            # One may be due before all of it is there.
            heartbeat = receive(connection)
            assert heartbeat["type"] == "Heartbeat"
            counts.append(heartbeat["total_audio_received_ms"])
        assert counts == sorted(counts)
        assert counts[-1] == 500


@pytest.mark.parametrize(
    ("frame", "code", "begins"),
    [
        (bytes(1000), 3007, "Input duration violation: 31.25 ms. Expected between 50 and 1000 ms"),
        (bytes(64_000), 3007, "Input duration violation: 2000 ms."),
        ("no json", 3006, "Invalid JSON: "),
        ("[]", 3006, "Invalid Message: "),
        ('{"type":"Nothing"}', 3006, "Invalid Message Type: "),
        ('{"type":"UpdateConfiguration","vad_threshold":2}', 3006, "Invalid Parameter: vad_threshold"),
    ],
)
def test_a_broken_rule_ends_the_session_with_error_and_close(
    url: str, frame: str | bytes, code: int, begins: str
) -> None:
    """The Error comes first, the close carries the same code and text."""
    with session(url) as connection:
        assert receive(connection)["type"] == "Begin"
        connection.send(frame)
        (error,), closed_with, reason = rest(connection)
    assert error["type"] == "Error"
    assert error["error_code"] == closed_with == code
    assert error["error"].startswith(begins)
    assert reason in (error["error"], "See Error message for details")


def test_a_wrong_parameter_ends_the_session_before_begin(url: str) -> None:
    """Error and close 3006 after the upgrade, as at the service."""
    with session(url, "sample_rate=4000") as connection:
        (error,), code, _ = rest(connection)
    assert error["error_code"] == code == 3006
    assert "sample_rate = 4000: must be a whole number in 8000..48000" in error["error"]


def test_other_paths_and_other_peoples_pages_are_refused(url: str) -> None:
    """404 off the path, 403 for a page of the web; a page of this machine is welcome."""
    with pytest.raises(InvalidStatus, match="404"):
        connect(f"{url}/v2/ws", open_timeout=ANSWER_S)
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"{url}/v3/ws", origin=Origin("https://example.com"), open_timeout=ANSWER_S)
    local = Origin("http://localhost:3000")
    with connect(f"{url}/v3/ws", origin=local, open_timeout=ANSWER_S) as connection:
        assert receive(connection)["type"] == "Begin"


def test_a_client_that_floods_is_slowed_down_and_nothing_is_lost(url: str) -> None:
    """Much more than can be kept, sent at once: send blocks, all of it is read, the count is exact."""
    silence_s = 120
    with session(url) as connection:
        for _ in range(silence_s):
            connection.send(bytes(32_000))
        connection.send(TERMINATE)
        messages, code, _ = rest(connection)
    assert code == 1000
    assert messages[-1]["audio_duration_seconds"] == silence_s


def test_clients_that_vanish_leave_nothing_behind(server: Server) -> None:
    """Cut off in mid-turn, without a close frame: their threads end, and the server serves on."""
    for _ in range(8):
        with session(server.url) as connection:
            for frame in list(frames(pcm(tail_s=0)))[:20]:
                connection.send(frame)
            connection.socket.shutdown(socket.SHUT_RDWR)
    until(lambda: threads_of(server.child) <= server.threads, ANSWER_S, "their threads to end")
    assert transcript_of(transcribe(server.url, "arctic-aew-a0003")).startswith("For the twentieth time")


def garbage(chance: random.Random) -> str | bytes:
    texts = ['{"type": 1}', "{", "[[[", '"\\ud800"', ""]
    return chance.choice(texts) if chance.random() < 0.5 else chance.randbytes(chance.randrange(4000))


def test_garbage_does_not_bring_the_server_down(url: str) -> None:
    """Random bytes on the socket, random frames in sessions, half a handshake: it serves on."""
    chance = random.Random(7)
    host, _, port = url.removeprefix("ws://").partition(":")
    for _ in range(15):
        with socket.create_connection((host, int(port)), timeout=ANSWER_S) as raw:
            raw.sendall(chance.randbytes(chance.randrange(1, 400)))
    half = socket.create_connection((host, int(port)), timeout=ANSWER_S)
    half.sendall(b"GET /v3/ws HTTP/1.1\r\n")
    for _ in range(15):
        with session(url, "x=%ff&sample_rate=16000") as connection:
            try:
                for _ in range(5):
                    connection.send(garbage(chance))
            except ConnectionClosed:
                continue
    with session(url) as connection:  # a masked frame whose opcode does not exist
        connection.socket.sendall(b"\x87\x80" + os.urandom(4))
        assert rest(connection)[1] == 1002
    half.close()
    assert transcript_of(transcribe(url, "arctic-aew-a0003")).startswith("For the twentieth time")
