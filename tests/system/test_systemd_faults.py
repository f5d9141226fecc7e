"""What systemd does when heard does not: the main process killed, a stage stopped, too many starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.container import Container
from ..support.poll import until
from ..support.v3_server import Plan, turns_of_five
from .coded import WORD, recording, words
from .running import Body, Daemon
from .service import (
    RECORDING,
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

SECOND_S = 1000
"""The second run's recording is numbered as if from here on, so that its words are its own."""
SHORT = {"WatchdogSec": "3", "RestartSec": "200ms"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.fixture(name="box", scope="module")
def _box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("container")
    with installed(folder, 400) as box:
        second = box.root / RECORDING.lstrip("/").replace("coded", "second")
        second.write_bytes(recording(folder, 120, SECOND_S).read_bytes())
        yield box


def second_run(box: Container, url: str) -> None:
    """Let the next start hear the other recording."""
    configure(box, url)
    path = "/etc/heard/heard.toml"
    text = (box.root / path.lstrip("/")).read_text(encoding="utf-8")
    box.write(path, text.replace("coded", "second"))


def number(word: Body) -> int:
    return int(word["text"][1:])


def check_handed_over(heard: Daemon, samples: list[int]) -> None:
    """Check that the first run's audio was all sent, and each word of it published once."""
    first = {n for n in samples if n < SECOND_S * 16000}
    assert first == set(range(max(first) + 1)), "every sample that the first run captured was sent"
    said = [word for word in words(heard.finals("mic")) if int(word[1:]) < SECOND_S * 2]
    whole = [f"w{n}" for n in range(len(first) // WORD) if turns_of_five(n)]
    assert said[: len(whole)] == whole
    assert len(said) <= len(whole) + 1


def until_all_is_said(heard: Daemon, limit_s: float) -> None:
    """Wait until the second run has been heard, and all that the first one retained."""

    def spoken() -> bool:
        return any(int(word[1:]) >= SECOND_S * 2 for word in words(heard.finals("mic")))

    heard.until(spoken, limit_s, "a final of the second run")
    # What was said meanwhile may still be on its way, beside the live audio.
    heard.until(
        lambda: heard.source("mic")["upstream"]["backlog_s"] < 1, limit_s, "the rest of the first run"
    )


def test_the_main_process_is_killed(box: Container) -> None:
    """Kill -9: systemd starts it again, and what the first run retained is delivered by the second, once."""
    with listening(box) as (server, heard):
        box.do("systemctl", "start", "heard")
        pid = main_pid(box)
        second_run(box, server.url)
        heard.until(lambda: heard.finals("mic"), WAIT_S, "a final")
        box.do("systemctl", "kill", "--signal=KILL", "--kill-who=main", "heard")
        until(lambda: main_pid(box) not in (0, pid), WAIT_S, "another main process")
        until_all_is_said(heard, WAIT_S)
        stop(box, heard)
        assert box.shown("heard", "Result") == ["success"]
        check_handed_over(heard, [n for record in server.records for n in record.samples])


@pytest.mark.parametrize("stage", ["capture", "denoise", "upstream", "publish"])
def test_a_stage_is_stopped(box: Container, stage: str) -> None:
    """SIGSTOP: the watchdog is fed no more, systemd ends the service and starts it again, nothing is lost."""
    with listening(box, unit=SHORT) as (server, heard):
        box.do("systemctl", "start", "heard")
        pid = main_pid(box)
        second_run(box, server.url)
        heard.until(lambda: heard.finals("mic"), WAIT_S, "a final")
        box.do("kill", "-STOP", str(stages(box)[stage]))
        until(lambda: main_pid(box) not in (0, pid), 30, "another main process", interval_s=0.2)
        until_all_is_said(heard, WAIT_S)
        for line in ("audio does not get on: ", f"{stage} has reported nothing for", "Watchdog timeout"):
            told(box, "heard", line)
        assert box.shown("heard", "NRestarts") == ["1"]
        stop(box, heard)
        check_handed_over(heard, [n for record in server.records for n in record.samples])


def test_the_world_is_no_reason_to_restart(box: Container) -> None:
    """An outage of the service three times as long as the watchdog's limit: degraded, and nothing more."""
    with listening(box, Plan(), Plan(status=503), unit=SHORT) as (server, heard):
        box.do("systemctl", "start", "heard")
        pid = main_pid(box)
        heard.until(lambda: heard.finals("mic"), WAIT_S, "a final")
        server.close(1011)
        heard.wait_ready("degraded")
        count = len(heard.bodies("status"))
        heard.until(lambda: len(heard.bodies("status")) > count + 12, 2 * WAIT_S, "twelve seconds")
        assert (main_pid(box), state(box)) == (pid, "active")
        assert box.shown("heard", "NRestarts") == ["0"]
        line = box.shown("heard", "StatusText")[0]
        assert line.startswith("degraded: mic live at ")
        assert "(upstream outage: " in line
        assert "s to be sent" in line


def test_a_device_that_is_not_there_is_no_reason_to_restart(box: Container) -> None:
    """The service is up, `degraded`, and looks for its microphone; the status line says so."""
    with listening(box, unit=SHORT) as (_server, heard):
        path = "/etc/heard/heard.toml"
        text = (box.root / path.lstrip("/")).read_text(encoding="utf-8")
        box.write(path, text.replace('input = "file"', 'input = "device"').replace("path = ", "# path = "))
        box.do("systemctl", "start", "heard")
        pid = main_pid(box)
        heard.until(lambda: len(heard.bodies("status")) > 12, 2 * WAIT_S, "twelve seconds")
        assert (main_pid(box), state(box)) == (pid, "active")
        assert box.shown("heard", "StatusText")[0].startswith("degraded: mic lost (upstream ")


def ended(box: Container, pid: int | bool) -> None:
    """Wait until a main process is no more."""
    until(lambda: main_pid(box) != pid, WAIT_S, "its end")


def test_too_many_starts(box: Container) -> None:
    """A service that ends again and again is given up on: systemd says start-limit-hit."""
    with listening(box, unit={"RestartSec": "100ms"}) as _:
        box.do("systemctl", "start", "heard")
        for _ in range(7):
            pid = until(lambda: main_pid(box) or state(box) == "failed", WAIT_S, "a start or the last end")
            if state(box) == "failed":
                break
            box.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", "heard")
            ended(box, pid)
        wait_for(box, "failed")
        told(box, "heard", "Start request repeated too quickly")
        assert box.shown("heard", "NRestarts") == ["6"]
        box.do("systemctl", "reset-failed", "heard")
        box.do("systemctl", "start", "heard")
