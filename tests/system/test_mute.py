"""A muted source has no session, which would be billed; unmuted, it has one again."""

from __future__ import annotations

from pathlib import Path

from ..support.proxy import proxy
from ..support.v3_server import v3_server
from .coded import RATE_HZ, hearing, recording, words
from .world import World

MUTED_S = 2.0
WAIT_S = 30


def test_mute_closes_the_session_and_unmute_opens_another(tmp_path: Path) -> None:
    """The last words are fetched in order; while muted nobody connects; nothing of either side is lost."""
    with (
        v3_server() as server,
        proxy(server.url) as net,
        hearing(recording(tmp_path, 80), net.through(server.url), exit_when_done=False) as heard,
    ):
        world = World(heard, net, server)
        world.until_sent(4.2)
        heard.ask("mute")
        world.until_event("closed")
        assert server.records[0].messages == [{"type": "Terminate"}]
        heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, WAIT_S, "everything to settle")
        heard.until(
            lambda: heard.source("mic")["upstream"]["state"] == "closed", WAIT_S, "the status to say so"
        )
        assert heard.source("mic")["upstream"]["session"] is None
        heard.until(lambda: heard.source("mic")["ledger"]["muted"] > MUTED_S * RATE_HZ, WAIT_S, "muted time")
        assert net.accepted == 1
        before = heard.source("mic")["ledger"]

        heard.ask("unmute")
        heard.until(lambda: net.accepted == 2, WAIT_S, "a new connection")
        world.until_sent(4.2, session=1)
        assert heard.source("mic")["upstream"]["state"] == "open"
        heard.ask("mute")
        heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, WAIT_S, "everything to settle")
        heard.catch_up()

        ledger = heard.source("mic")["ledger"]
        first, second = (record.samples for record in server.records)
        assert first == list(range(before["captured"]))
        assert second == list(range(second[0], second[-1] + 1))
        assert ledger["captured"] == ledger["delivered"] == len(first) + len(second)
        said = words(heard.finals())
        assert said == sorted(set(said), key=lambda word: int(word[1:]))
        assert {f"w{n // 2}" for n in range(2 * 8) if n // 2 % 6 != 5} <= set(said)
        assert server.violations == []
