"""Bytes for the targets: what they are meant to read, and that changed at random.

Half of the changes are made to the message before it is packed, so that they get past the parser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random

import msgpack

from heard.wire.audio import Block
from heard.wire.control import Reply, Request
from heard.wire.events import Ack, Event, Settlement
from heard.wire.positions import From, Received, Refused, Replay, Settled, pack_position
from heard.wire.report import Answer, Order, Report, StageState
from heard.wire.topics import Topic

WORD = {"text": "hello", "start": 1.0, "end": 1.5, "confidence": 0.9, "final": True}
FINAL = {
    "turn_id": "run1-mic-0", "session": "s", "text": "hello", "start": 1.0, "end": 1.5, "words": [WORD],
    "confidence": 0.9, "backfill": False, "latency_ms": {"capture": 1.0, "denoise": 1.0, "upstream": 1.0},
}  # fmt: skip
LEDGER = {"captured": 3, "delivered": 1, "pending": 1, "dropped": {"expired": 1}, "muted": 0, "gaps": {}}
PART = {
    "state": "live", "started": 1.0, "rate_hz": 16000, "ledger": LEDGER, "xruns": 0, "turns": 1,
    "latency_ms": {"capture": {"p50": 1.0, "p99": 2.0}},
    "denoise": {"backend": "off", "mix": 0.0}, "upstream": {"state": "open", "error": None},
}  # fmt: skip
OPS = (
    *("hello", "status", "mute", "unmute", "endpoint", "reconnect", "get", "set", "learn_noise"),
    *("history", "search", "devices", "reload", "stop"),
)
ARGS: tuple[dict[str, object], ...] = (
    {},
    {"source": "mic"},
    {"source": "mic", "key": "denoise.mix", "value": 0.5},
    {"source": "line", "seconds": 2.0, "words": "hello", "limit": 10, "after": 3, "since": 1.0},
)

CONTROL = tuple(Request(n, op, args).pack() for n, op in enumerate(OPS) for args in ARGS)
PIPES = (
    Event(Topic.FINAL, "mic", FINAL, 3, Settlement(0, 8000, 8000), 1.0, 2.0).pack(),
    Event(Topic.PARTIAL, "mic", FINAL).pack(),
    Event(Topic.SOURCE, "mic", {"event": "lost", "detail": "gone", "verdict": None}).pack(),
    Event(Topic.UPSTREAM, "mic", {"event": "open", "session": "s", "reason": None}).pack(),
    Event(Topic.GAP, "mic", {"reason": "xrun", "samples": 3, "start": 1.0, "end": 2.0}).pack(),
    Event(Topic.AUDIO, "mic", {"sample": 3, "start": 1.0, "rate_hz": 16000, "pcm": b"\0\0"}).pack(),
    Event(
        Topic.FAULT, "", {"process": "publish", "what": "journal", "event": "began", "detail": "full"}
    ).pack(),
    Event(None, "mic", {"turns": "run1-mic"}, 4, Settlement(0, 100, 0)).pack(),
    Ack(3).pack(),
    Ack(0, fresh=True).pack(),
    Report(
        "capture", 7, StageState.READY, {"mic": PART}, {"published": 3}, {"lost": 1}, [{"what": "x"}]
    ).pack(),
    Answer(3, {"sources": {"mic": "muted"}}).pack(),
    Order(3, "set", "mic", {"key": "denoise.mix", "value": 0.5}).pack(),
    Block("mic", 320, 1.0, bytes(640), segment=1, follows=320, wanted=3).pack(),
    pack_position(Settled("mic", 0, 320, 320)),
    pack_position(Refused("mic", 0, 320, "refused")),
    pack_position(Received("mic", 9, 3)),
    pack_position(Replay("mic", From.SETTLED)),
    pack_position(Replay("", From.RECEIVED)),
    Reply(3, {"sources": {"mic": "muted"}}).pack(),
)
SPOKEN = {"start": 0, "end": 100, "text": "Hello", "confidence": 0.9, "word_is_final": True, "speaker": "A"}
SERVICE = tuple(
    json.dumps(message).encode()
    for message in (
        {"type": "Begin", "id": "s", "expires_at": 1_700_010_800, "configuration": {"model": "u3-rt-pro"}},
        {"type": "SpeechStarted", "timestamp": 50, "confidence": 0.9},
        {"type": "Turn", "turn_order": 0, "end_of_turn": False, "transcript": "Hello", "words": [SPOKEN]},
        {"type": "Turn", "turn_order": 1, "end_of_turn": True, "turn_is_formatted": True,
         "words": [SPOKEN] * 3, "transcript": "Hello hello.", "utterance": "Hello.", "language_code": "en"},
        {"type": "Termination", "audio_duration_seconds": 1, "session_duration_seconds": 1},
        {"type": "Error", "error_code": 3005, "error": "Session Cancelled"},
        {"type": "Warning", "warning_code": 1, "warning": "careful"},
        {"type": "Heartbeat", "total_audio_received_ms": 100},
        {"type": "Silence", "start_ms": 0, "end_ms": 100},
        {"type": "SpeakerRevision",
         "revisions": [{"turn_order": 1, "speaker_label": "B", "words": [SPOKEN]}]},
        {"type": "LLMGatewayResponse", "turn_order": 0, "data": {}},
    )
)  # fmt: skip
SEEDS = {"control": CONTROL, "pipes": PIPES, "service": SERVICE}

VALUES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63 - 1, -(2**63), 2**64 - 1),
    *(0.0, -0.5, 1e308, 1e-300, float("inf"), float("-inf"), float("nan")),
    *("", "mic", "line", "x" * 300, "\0", "é\u202e", "transcript.final", b"", b"\xff" * 5),
    *([], {}, [[]], {"": {}}, [{}] * 20, {"source": "mic"}),
    *("denoise.mix", "upstream.params", "settled", "report"),
)
HEADS = (
    *(b"\xc1", b"\xdf\xff\xff\xff\xff", b"\xdd\x7f\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\x81\xa1v"),
    *(b"\xd6\xff" + b"\xff" * 4, b"\xc7\x0c\xff" + b"\xff" * 12, b"\x91" * 600),
    *(b"[" * 2000, b'{"a":' * 500, b"\\ud800", b"\xfe"),
)
"""What a parser may stumble over: lengths that are not there, times, depth, half a character."""


def inputs(kind: str, seed: int) -> Iterator[bytes]:
    """Yield inputs for the target `kind` without end, the same ones for the same `seed`."""
    random, seeds = Random(seed), SEEDS[kind]
    loads: Callable[[bytes], object] = json.loads if kind == "service" else msgpack.unpackb
    yield from seeds
    while True:
        data = random.choice(seeds)
        if random.random() < 0.5:
            body = changed(loads(data), random)
            data = json.dumps(body, default=repr).encode() if kind == "service" else msgpack.packb(body)
        for _ in range(random.choice((0, 0, 1, 1, 3))):
            data = torn(data, random)
        yield data


def changed(value: object, random: Random) -> object:
    """Return a message in which something has another value, is missing, or is there twice."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        copy = dict(value)
        match random.randrange(6):
            case 0:
                del copy[key]
            case 1:
                copy[random.choice(("extra", key + "x", ""))] = random.choice(VALUES)
            case _:
                copy[key] = changed(value[key], random)
        return copy
    if isinstance(value, list) and value and random.random() < 0.8:
        place = random.randrange(len(value))
        return [*value[:place], changed(value[place], random), *value[place + random.randrange(2) :]]
    if isinstance(value, int) and random.random() < 0.3:
        return value + random.randrange(-3, 4)
    return random.choice(VALUES)


def torn(data: bytes, random: Random) -> bytes:
    """Return bytes of which some are others, missing, or too many."""
    place = random.randrange(len(data) + 1)
    match random.randrange(5):
        case 0:
            return data[:place]
        case 1:
            return (
                data[:place] + random.randbytes(random.randrange(1, 5)) + data[place + random.randrange(3) :]
            )
        case 2:
            return data[:place] + random.choice(HEADS) + data[place:]
        case 3:
            return data[:place] + data[max(0, place - 8) :]
        case _:
            return bytes(
                each ^ (1 << random.randrange(8)) if random.random() < 0.02 else each for each in data
            )
