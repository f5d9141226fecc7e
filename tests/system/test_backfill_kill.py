"""Upstream killed while it hears a backlog beside the live audio: what was settled is not said again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from ..support.v3_server import Plan, v3_server
from .coded import RATE_HZ, check, finish, hearing, recording

SECONDS = 20
BACK_AT_S = 13.0
"""When the service is back. The coded audio is quietest at 12.3 s, in the middle of a turn: there the live
audio is split from the backlog, so that a replay straight through would say that turn in another way."""


def test_killed_during_a_backfill_every_word_comes_once(tmp_path: Path) -> None:
    """The retained audio has a hole, which a replay leaps over."""
    with (
        v3_server(Plan(reset_at_s=3.2), Plan(status=503)) as server,
        hearing(recording(tmp_path, SECONDS), server.url) as heard,
    ):

        def captured_s() -> float:
            ledger = heard.source("mic")["ledger"]
            return float(ledger["captured"]) / RATE_HZ

        def in_between() -> bool:
            """Whether a turn was published that was said after the backfill had started."""
            began = [each["time"] for each in heard.bodies("upstream") if each["event"] == "backfill-started"]
            return any(final["end"] > began[0] for final in heard.finals()) if began else False

        heard.until(lambda: captured_s() > BACK_AT_S, 60, "13 s of audio")
        server.plans = [Plan()]
        heard.ask("reconnect")
        heard.until(in_between, 40, "a live turn beside the backlog")
        heard.listen(0.2)
        os.kill(heard.status()["processes"]["upstream"]["pid"], signal.SIGKILL)
        last = finish(heard, 60)
        check(heard, last, server, SECONDS * RATE_HZ)
        assert [body["event"] for body in heard.bodies("upstream")].count("backfill-finished") == 1
