"""The system service in a booted systemd: start, credential, reload, stop, refusals, activation."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ..support.container import Container
from ..support.poll import until
from ..support.v3_server import Plan, turns_of_five
from .coded import WORD, words
from .service import (
    CREDENTIAL,
    KEY,
    WAIT_S,
    configure,
    installed,
    listening,
    main_pid,
    stages,
    state,
    stop,
    told,
    wait_for,
)

HEARDCTL = "/opt/heard/bin/heardctl"


@pytest.fixture(name="box", scope="module")
def _box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with installed(tmp_path_factory.mktemp("container"), 400) as box:
        yield box


def test_start_to_stop(box: Container) -> None:
    """`systemctl start` returns when audio flows; at `stop` the last words are published.

    In between: the key comes from the credential, which nobody but the service can read; the status line
    says what is going on.
    """
    with listening(box) as (server, heard):
        box.do("systemctl", "start", "heard")
        assert heard.status()["state"] == "ready"
        # Though /proc hides what may not be traced, and upstream may not.
        measured = {name: each["rss_bytes"] for name, each in heard.status()["processes"].items()}
        assert all(measured.values()), measured
        heard.until(lambda: heard.finals("mic"), WAIT_S, "a final")
        assert server.records[0].authorization == KEY

        # systemd is told once a second.
        def is_told() -> bool:
            line = box.shown("heard", "StatusText")[0]
            return line.startswith("ready: mic live at ") and "(upstream open" in line

        until(is_told, WAIT_S, "the status line")
        inside = "/run/credentials/heard.service/assemblyai-api-key"
        for path in (inside, CREDENTIAL):
            refused = box.run("cat", path, user="daemon")
            assert (refused.stdout, "Permission denied" in refused.stderr) == ("", True)
        assert box.run("cat", inside, user="heard").stdout.strip() == KEY
        for pid in stages(box).values():
            told = box.do("cat", f"/proc/{pid}/environ", f"/proc/{pid}/cmdline")
            assert KEY not in told
        assert KEY not in box.journal("heard")
        assert box.shown("heard", "User", "NRestarts") == ["heard", "0"]

        turns = len(heard.finals("mic"))
        heard.until(
            lambda: len(heard.bodies("transcript.partial.mic")) > turns, WAIT_S, "words of an open turn"
        )
        began = time.monotonic()
        ledger = stop(box, heard)["sources"]["mic"]["ledger"]
        # systemd would kill it after 15 s, and say so; that it takes 5 s is for the slow test below.
        assert time.monotonic() - began < 15
        assert (ledger["pending"], ledger["dropped"]) == (0, {})
        said = words(heard.finals("mic"))
        whole = [f"w{n}" for n in range(ledger["captured"] // WORD) if turns_of_five(n)]
        # The stop may have cut one more word in two.
        assert said[: len(whole)] == whole
        assert len(said) <= len(whole) + 1
        assert box.shown("heard", "Result", "ExecMainStatus") == ["success", "0"]


@pytest.mark.slow
def test_a_stop_with_a_silent_service_takes_five_seconds_at_most(box: Container) -> None:
    """The service never says Termination: the audio it acknowledged is settled, the wait is bounded."""
    with listening(box, Plan(termination="never")) as (_server, heard):
        box.do("systemctl", "start", "heard")
        heard.until(lambda: heard.bodies("transcript.partial.mic"), WAIT_S, "a first word")
        began = time.monotonic()
        box.do("systemctl", "stop", "heard")
        took_s = time.monotonic() - began
        assert took_s <= 5, box.journal("heard")
        assert box.shown("heard", "Result") == ["success"]


def test_reload(box: Container) -> None:
    """`systemctl reload` returns once the configuration is in force, and fails where it has a mistake."""
    with listening(box) as (server, heard):
        box.do("systemctl", "start", "heard")
        pid = main_pid(box)
        configure(box, server.url, frame_ms=100)
        box.do("systemctl", "reload", "heard")
        told(box, "heard", "reload: changed: upstream.frame_ms")
        configure(box, server.url, frame_ms=7)
        refused = box.run("systemctl", "reload", "heard")
        assert refused.code != 0
        told(box, "heard", "upstream.frame_ms = 7: must be")
        assert (state(box), main_pid(box), heard.status()["state"]) == ("active", pid, "ready")


def test_a_refused_configuration_is_not_tried_again(box: Container) -> None:
    """Exit status 2: the service failed, once, and the journal has the line to correct."""
    with listening(box) as (server, _heard):
        configure(box, server.url, frame_ms=7)
        assert box.run("systemctl", "start", "heard").code != 0
        wait_for(box, "failed")
        assert box.shown("heard", "Result", "ExecMainStatus", "NRestarts") == ["exit-code", "2", "0"]
        told(box, "heard", "upstream.frame_ms = 7: must be")


def test_no_key_is_not_tried_again(box: Container) -> None:
    """Exit status 4, likewise: systemd itself starts heard without the credential, and heard says so."""
    with listening(box) as _:
        box.do("mv", CREDENTIAL, f"{CREDENTIAL}.away")
        try:
            assert box.run("systemctl", "start", "heard").code != 0
        finally:
            box.do("mv", f"{CREDENTIAL}.away", CREDENTIAL)
        assert box.shown("heard", "Result", "ExecMainStatus", "NRestarts") == ["exit-code", "4", "0"]


@pytest.mark.slow
def test_the_first_request_starts_it(box: Container) -> None:
    """heard.socket alone is started: a client's request is answered by the daemon that it started."""
    with listening(box) as (_server, heard):
        box.do("systemctl", "start", "heard.socket")
        assert state(box) == "inactive"
        assert box.do(HEARDCTL, "status").startswith("heard ")
        wait_for(box, "active")
        heard.wait_ready()
        box.do("systemctl", "stop", "heard")
        assert state(box) == "inactive"
        assert box.do(HEARDCTL, "status").startswith("heard "), "again, after a stop"
        wait_for(box, "active")
        second = box.run(
            "/opt/heard/bin/heard", "run", "--set", "runtime_dir=/run/heard", "--set", "state_dir=/run/h2"
        )
        assert second.code != 0
