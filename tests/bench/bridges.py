"""What a bridge adds: how long a final takes to the far side, and how fast a backlog is caught up with.

    python -m tests.bench.bridges [--backlog 2000] [--live 200]

Real far sides on loopback, before the sockets of a daemon with a journal. Beside them, in the same run, a
plain `Subscriber` that delivers to nobody: what bridge and far side add is the difference. An arrival at
MQTT is what mosquitto's own client printed, at the webhook a request that was read, at NATS a message to a
subscriber.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nats
from nats.aio.msg import Msg
from rich.console import Console
from rich.table import Table

from heard_client import Cursor, Final, Subscriber

from ..clients.peers import Publisher
from ..daemon.bridges.running import SECRET, bridge, daemon, status, turn
from ..support.far_sides import mosquitto, mosquitto_sub, nats_server, receiver
from ..support.poll import until
from ..support.processes import Child, cpu_s, pss_bytes

WAIT_S = 40
EVERY_S = 0.02
KINDS = ("subscriber", "mqtt", "nats", "webhook")

Arrived = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one far side: milliseconds, finals a second, MiB, milliseconds of CPU for each final."""

    p50_ms: float
    p99_ms: float
    rate: float
    pss_mib: float
    cpu_ms: float


class Arrivals:
    """When each final was first seen at the far side, by its id."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def add(self, turn_id: str) -> None:
        """Note one that arrives now."""
        self.at.setdefault(turn_id, time.time())


@contextmanager
def plain(folder: Path, seen: Arrivals, cursor: Cursor) -> Iterator[Child | None]:
    """Read by the library alone, in a thread."""
    over = threading.Event()

    def read() -> None:
        sockets = (f"ipc://{folder}/transcripts", f"ipc://{folder}/control")
        with Subscriber(
            sockets[0], control=sockets[1], topics=["transcript.final."], cursor=cursor
        ) as finals:
            while not over.is_set():
                if isinstance(message := finals.receive(0.05), Final):
                    seen.add(message.turn_id)

    thread = threading.Thread(target=read)
    thread.start()
    yield None
    over.set()
    thread.join()


@contextmanager
def to_mqtt(folder: Path, seen: Arrivals) -> Iterator[Child | None]:
    """Bridge to mosquitto; its client says when it got each."""
    with mosquitto(folder) as broker, mosquitto_sub(broker.port, "heard/+/final") as messages:
        with bridge(folder, "mqtt", f"mqtt://127.0.0.1:{broker.port}") as child:
            yield child
        for message in messages():
            stamp = time.strptime(message["tst"][:19], "%Y-%m-%dT%H:%M:%S")
            at = time.mktime(stamp) - time.timezone + float("0" + message["tst"][19:26])
            seen.at.setdefault(message["payload"]["turn_id"], at)


@contextmanager
def to_nats(folder: Path, seen: Arrivals) -> Iterator[Child | None]:
    """Bridge to nats-server; a subscriber in a thread sees each."""
    over = threading.Event()
    ready = threading.Event()

    async def listen(port: int) -> None:
        client = await nats.connect(f"nats://127.0.0.1:{port}")

        async def one(message: Msg) -> None:
            seen.add(json.loads(message.data)["turn_id"])

        await client.subscribe("heard.*.final", cb=one)
        await client.flush()
        ready.set()
        while not over.is_set():  # noqa: ASYNC110  # set by another thread
            await asyncio.sleep(0.05)
        await client.close()

    with nats_server(folder) as server:
        thread = threading.Thread(target=lambda: asyncio.run(listen(server.port)))
        thread.start()
        ready.wait(WAIT_S)
        with bridge(folder, "nats", f"nats://127.0.0.1:{server.port}") as child:
            yield child
        over.set()
        thread.join()


@contextmanager
def to_webhook(folder: Path, seen: Arrivals) -> Iterator[Child | None]:
    """Bridge to a receiver that checks each signature."""
    with receiver(SECRET) as hook:
        hook.on_taken = lambda body: seen.add(body["data"]["turn_id"])
        with bridge(folder, "webhook", hook.url, env={"HEARD_WEBHOOK_SECRET": SECRET}) as child:
            yield child


def measure(kind: str, backlog: int, live: int) -> Figures:
    """Let a bridge fetch a backlog from the journal, then follow what is published."""
    seen = Arrivals()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hb-", dir="/tmp")))
        it = stack.enter_context(daemon(folder))
        begin = Cursor(it.run, 1_700_000_000.0, {"transcript.final.mic": 0})
        (folder / "state/bridges").mkdir(parents=True)
        (folder / f"state/bridges/{kind}.json").write_text(begin.to_json())
        for number in range(backlog):
            it.send(
                "transcript.final.mic",
                turn(f"{number} and some more words, as people say them"),
                dropped=True,
            )
        ways = {"mqtt": to_mqtt, "nats": to_nats, "webhook": to_webhook}
        with plain(folder, seen, begin) if kind == "subscriber" else ways[kind](folder, seen) as child:
            it.await_subscriptions(2)
            place = folder / f"state/bridges/{kind}.json"

            def reached(count: int) -> bool:
                if kind == "subscriber":
                    return len(seen.at) >= count
                return Cursor.from_json(place.read_text()).seq["transcript.final.mic"] >= count

            deadline = time.monotonic() + WAIT_S
            while not reached(backlog) and time.monotonic() < deadline:
                status(it, mic="live")
                time.sleep(0.2)
            used = cpu_s(child.pid) if child else 0.0
            sent = _publish(it, live)
            until(lambda: reached(backlog + live), WAIT_S, f"{kind} to get all")
            pss = pss_bytes(child.pid) / 2**20 if child else 0.0
            used = (cpu_s(child.pid) - used if child else 0.0) / live
    late = sorted((seen.at[turn_id] - at) * 1000 for turn_id, at in sent.items())
    came = sorted(at for turn_id, at in seen.at.items() if turn_id not in sent)
    assert len(came) == backlog, f"{kind}: {len(came)} of {backlog}"
    rate = (backlog - 1) / (came[-1] - came[0])
    return Figures(statistics.median(late), late[int(len(late) * 0.99)], rate, pss, used * 1000)


def _publish(it: Publisher, live: int) -> dict[str, float]:
    sent: dict[str, float] = {}
    for number in range(live):
        sent[f"live {number}"] = time.time()
        it.send("transcript.final.mic", turn(f"live {number}"))
        time.sleep(EVERY_S)
    return sent


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backlog", type=int, default=2000, help="finals in the journal at the start")
    parser.add_argument("--live", type=int, default=200, help="finals published then, one by one")
    given = parser.parse_args()
    table = Table("", "p50 ms", "p99 ms", "backlog, finals a second", "PSS MiB", "CPU ms a final")
    for kind in KINDS:
        of = measure(kind, given.backlog, given.live)
        own = ["", ""] if kind == "subscriber" else [f"{of.pss_mib:.0f}", f"{of.cpu_ms:.1f}"]
        table.add_row(kind, f"{of.p50_ms:.1f}", f"{of.p99_ms:.1f}", f"{of.rate:.0f}", *own)
    Console().print(table)


if __name__ == "__main__":
    main()
