"""The far ends of a client's sockets: a PUB socket, and a ROUTER that answers as it is told to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from heard.wire.codec import Body, checked, pack, unpack

Frames = list[bytes]
PAGE = 500
"""Rows of one answer."""


@contextmanager
def answering(path: Path, answer: Callable[[Frames], list[Frames]]) -> Iterator[str]:
    """Bind a ROUTER at `path`; `answer` gets what arrives, identity first, and returns what to send.

    Yields the endpoint.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.LINGER, 0)
    endpoint = f"ipc://{path}"
    router.bind(endpoint)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            if router.poll(20):
                for reply in answer(router.recv_multipart()):
                    router.send_multipart(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield endpoint
    finally:
        ended.set()
        thread.join(30)
        router.close()
        context.term()


class Journal:
    """The op `history` of finals, as a `Publisher` has sent (or kept back) them."""

    def __init__(self) -> None:
        self.rows: list[Body] = []
        self.asked: list[Body] = []
        self.silent = False

    def answer(self, frames: Frames) -> list[Frames]:
        """Answer a request; nothing while `silent`."""
        request = unpack(frames[-1])
        args = checked(request["args"], "args", dict)
        self.asked.append(args)
        if self.silent:
            return []
        rows = [row for row in self.rows if not args.get("events") and args["run"] in ("*", row["run"])]
        if args["run"] != "*":
            rows = [row for row in rows if row["source"] == args["source"] and row["seq"] > args["after"]]
        result: Body = {"transcripts": rows[:PAGE], "more": len(rows) > PAGE}
        return [[frames[0], pack({"v": 1, "id": request["id"], "ok": True, "result": result})]]


class Publisher:
    """A PUB socket that knows what is subscribed (XPUB), so that a test need not guess when."""

    def __init__(self, socket: "zmq.Socket[bytes]", endpoint: str) -> None:
        self._socket = socket
        self.endpoint = endpoint
        self.numbers: dict[str, int] = {}
        self.journal = Journal()
        self.run = "run-1"

    def await_subscriptions(self, count: int) -> list[str]:
        """Return the first `count` prefixes that subscribers ask for, in any order."""
        prefixes: list[str] = []
        while len(prefixes) < count:
            assert self._socket.poll(30_000), f"{count} subscriptions awaited, came: {prefixes}"
            if (prefix := self.subscription()) is not None:
                prefixes.append(prefix)
        return prefixes

    def subscription(self) -> str | None:
        """Return the next prefix that a subscriber asks for, None where none does yet."""
        while self._socket.poll(0):
            frame = self._socket.recv()
            if frame[:1] == b"\x01":  # else one that went away
                return frame[1:].decode()
        return None

    def send(
        self, topic: str, body: Body | None = None, *, seq: int | None = None, dropped: bool = False
    ) -> None:
        """Publish a body with its header; `seq` counts by itself unless given. Finals are in the journal.

        dropped: as if the socket had dropped it
        """
        self.numbers[topic] = self.numbers.get(topic, 0) + 1 if seq is None else seq
        header: Body = {"v": 1, "run": self.run, "seq": self.numbers[topic], "time": 1_700_000_000.0}
        if topic != "status":
            header["source"] = topic.rpartition(".")[2]
        body = header | (body or {})
        if topic.startswith("transcript.final."):
            self.journal.rows.append(body | {"topic": topic})
        if not dropped:
            self.send_frames([topic.encode(), pack(body)])

    def send_status(self) -> None:
        """Publish a status that tells the newest number of each topic."""
        self.send("status", {"sources": {"mic": {}}, "publish": {"seq": dict(self.numbers)}})

    def send_frames(self, frames: Frames) -> None:
        """Publish anything at all."""
        self._socket.send_multipart(frames)


@contextmanager
def publishing(path: Path) -> Iterator[Publisher]:
    """Bind a publish socket at `path`."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.LINGER, 0)
    # Equal subscriptions of a second subscriber are reported as well.
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    socket.bind(f"ipc://{path}")
    try:
        yield Publisher(socket, f"ipc://{path}")
    finally:
        socket.close()
        context.term()


def final(text: str, turn_id: str = "t1", **more: object) -> Body:
    """Return the body of a transcript without its header, each word 0.25 s long from second 0 on."""
    words = [
        {"text": word, "start": n * 0.25, "end": n * 0.25 + 0.2, "confidence": 0.9, "final": True}
        for n, word in enumerate(text.split())
    ]
    body: Body = {
        "turn_id": turn_id,
        "session": "s1",
        "text": text,
        "start": 0.0,
        "end": max(0.25 * len(words) - 0.05, 0.0),
        "words": words,
        "confidence": 0.9,
        "backfill": False,
        "latency_ms": {
            "capture": 20.0,
            "denoise": 110.0,
            "upstream": 30.0,
            "recognize": 400.0,
            "publish": 1.0,
            "total": 561.0,
        },
    }
    return body | more
