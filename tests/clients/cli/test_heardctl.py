"""`heardctl` as a child process: what it prints, and the code it ends with."""

import json
import os
import pty
import re
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heard import __version__
from heard.wire.codec import Body, checked, pack, unpack

from ...support import processes
from ...support.poll import until
from ..peers import Frames, Publisher, answering, final, publishing

HEARDCTL = (sys.executable, "-c", "import sys; from heard_client.cli import main; sys.exit(main())")
COMMANDS = (
    *("status", "listen", "mute", "unmute", "get", "set", "learn-noise"),
    *("endpoint", "reconnect", "reload", "stop", "history", "search", "forget"),
)
ARGUMENTS = {
    "get": ("mic",),
    "learn-noise": ("mic",),
    "set": ("mic", "denoise.mix", "0.5"),
    "search": ("word",),
    "forget": ("--all", "--yes"),
}

SHOWN_S = 30.0


def shown(daemon: Publisher, predicate: Callable[[], object], what: str) -> None:
    """Wait until it is so, with a daemon that is heard of all the while: its silence would be told."""

    def holds() -> bool:
        daemon.send_status()
        return bool(predicate())

    until(holds, SHOWN_S, what, interval_s=0.1)


def heardctl(*arguments: str, env: dict[str, str] | None = None) -> processes.Finished:
    return processes.run([*HEARDCTL, *arguments], limit_s=90, env=env)


def test_every_command_says_in_one_line_that_heard_is_not_running(tmp_path: Path) -> None:
    """Exit code 3; the line names the address and what to do."""
    for command in COMMANDS:
        done = heardctl(command, *ARGUMENTS.get(command, ()), "--endpoint", f"ipc://{tmp_path}/control")
        assert done.code == 3, command
        assert done.stdout == ""
        assert done.stderr == (
            f"heardctl: heard is not running: ipc://{tmp_path}/control: no such socket; "
            "start it with `heard run`\n"
        )


def test_the_socket_is_looked_for_where_the_daemon_puts_it(tmp_path: Path) -> None:
    """Without --endpoint the runtime directory of the environment counts."""
    done = heardctl("status", env=os.environ | {"HEARD_RUNTIME_DIR": str(tmp_path)})
    assert done.code == 3
    assert f"ipc://{tmp_path}/control" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("dance",), "No such command 'dance'; see `heardctl --help`"),
        (("mute", "--loud"), "No such option '--loud'; see `heardctl mute --help`"),
        (("set", "mic"), "Missing argument 'KEY'; see `heardctl set --help`"),
        (("listen", "--format", "xml"), "'xml' is not one of 'text', 'json'; see `heardctl listen --help`"),
        (("status", "--endpoint", "heard"), "'heard': must be ipc:///ABSOLUTE/PATH or tcp://HOST:PORT"),
        (("listen", "--transcripts", "heard"), "'heard': must be ipc:///ABSOLUTE/PATH or tcp://HOST:PORT"),
    ],
)
def test_usage_errors_are_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    """Exit code 2, and where to read on."""
    done = heardctl(*arguments)
    assert done.code == 2
    assert done.stderr.startswith("heardctl: ")
    assert done.stderr.endswith(f"{complaint}\n")
    assert done.stderr.count("\n") == 1


def test_a_configuration_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """The file is named."""
    path = tmp_path / "heard.toml"
    path.write_text("nonsense", encoding="utf-8")
    done = heardctl("status", env=os.environ | {"HEARD_CONFIG": str(path)})
    assert done.code == 2
    assert re.fullmatch(rf"heardctl: {path}: cannot be read: .*; or give --endpoint\n", done.stderr)


def test_help_teaches_with_an_example() -> None:
    """Each command's help shows a line to try; so does the program's own, and its version is heard's."""
    for command in COMMANDS:
        done = heardctl(command, "--help")
        assert done.code == 0
        assert (
            f"heardctl {command}" in done.stdout.partition("For example")[2]
            or "heardctl reload" in done.stdout
        )
        assert "--endpoint" in done.stdout
        assert "--transcripts" in done.stdout
    assert "For example:" in heardctl("--help").stdout
    assert heardctl("--version").stdout == f"heardctl, version {__version__}\n"


def refusing(frames: Frames) -> list[Frames]:
    error = {"code": "unknown-source", "message": "no source is called 'mike':\nthere are mic"}
    return [[frames[0], pack({"v": 1, "id": unpack(frames[-1])["id"], "ok": False, "error": error})]]


def test_what_the_daemon_refuses_is_one_line(tmp_path: Path) -> None:
    """Exit code 1, in the daemon's words."""
    with answering(tmp_path / "c", refusing) as endpoint:
        done = heardctl("mute", "mike", "--endpoint", endpoint)
    assert done.code == 1
    assert done.stderr == "heardctl: no source is called 'mike': there are mic\n"


def test_garbage_in_reply_is_one_line(tmp_path: Path) -> None:
    """Exit code 1: something else listens there."""
    with answering(tmp_path / "c", lambda frames: [[frames[0], b"\xc1\xc1"]]) as endpoint:
        done = heardctl("status", "--endpoint", endpoint)
    assert done.code == 1
    assert re.fullmatch(rf"heardctl: {endpoint}: what answers there is not heard: .*\n", done.stderr)


def test_listen_into_a_pipe_prints_finals_as_they_come(tmp_path: Path) -> None:
    """One line each, at once; Ctrl-C ends it with 130 and without a word."""
    with (
        publishing(tmp_path / "t") as daemon,
        processes.started([*HEARDCTL, "listen", "--transcripts", daemon.endpoint], limit_s=110) as child,
    ):
        daemon.await_subscriptions(4)
        daemon.send("transcript.partial.mic", final("so"))
        daemon.send("transcript.final.mic", final("So far."))
        shown(daemon, lambda: child.printed() == "mic: So far.\n", f"the final\n{child.tail()}")
        child.signal(signal.SIGINT)
        assert child.wait(SHOWN_S) == 130
        assert child.complained().strip() == ""


def test_listen_as_json_has_one_message_a_line(tmp_path: Path) -> None:
    """As published, with the topic; with --finals nothing but finals, with --source nobody else's."""
    arguments = ("listen", "--format", "json", "--finals", "--source", "mic")
    with (
        publishing(tmp_path / "t") as daemon,
        processes.started([*HEARDCTL, *arguments, "--transcripts", daemon.endpoint], limit_s=110) as child,
    ):
        assert sorted(daemon.await_subscriptions(2)) == ["status", "transcript.final.mic"]
        daemon.send("transcript.final.mic2", final("not this"))
        daemon.send("transcript.final.mic", final("naïve\x1b[2J", blob=b"\0"))
        until(lambda: child.printed().endswith("\n"), SHOWN_S, f"a line\n{child.tail()}")
        (line,) = child.printed().splitlines()
        message = json.loads(line)
        assert (message["topic"], message["text"], message["seq"]) == (
            "transcript.final.mic", "naïve\x1b[2J", 1
        )  # fmt: skip
        assert "blob" not in message
        assert "\x1b" not in line


def test_listen_says_what_it_missed(tmp_path: Path) -> None:
    """On stderr: the transcript itself stays clean."""
    with (
        publishing(tmp_path / "t") as daemon,
        processes.started([*HEARDCTL, "listen", "--transcripts", daemon.endpoint], limit_s=110) as child,
    ):
        daemon.await_subscriptions(4)
        daemon.send("transcript.final.mic", final("one"), seq=1)
        daemon.send("transcript.final.mic", final("four"), seq=4)
        shown(daemon, lambda: "four" in child.printed(), f"the final\n{child.tail()}")
        assert child.complained() == ("heardctl: 2 finished turns were missed and cannot be had any more\n")


def test_a_reader_that_has_enough_ends_it_quietly(tmp_path: Path) -> None:
    """`heardctl listen | head -1` is no failure."""
    shell = ["sh", "-c", 'set -- "$@"; "$@" | head -1; exit 0', "sh", *HEARDCTL]
    with (
        publishing(tmp_path / "t") as daemon,
        processes.started([*shell, "listen", "--transcripts", daemon.endpoint], limit_s=110) as child,
    ):
        daemon.await_subscriptions(4)

        def spoken() -> bool:
            daemon.send("transcript.final.mic", final("word"))
            return not child.running

        until(spoken, SHOWN_S, f"the end of the pipeline\n{child.tail()}")
        assert child.printed() == "mic: word\n"
        assert child.complained() == ""


def test_listen_on_a_terminal_redraws_the_partial_and_gives_the_cursor_back(tmp_path: Path) -> None:
    """The turn so far stands in place, the final stays; after Ctrl-C the cursor is there again."""
    with publishing(tmp_path / "t") as daemon:
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(sys.executable, [*HEARDCTL, "listen", "--transcripts", daemon.endpoint])  # noqa: S606  # the test's own child
        seen = b""
        done: list[int] = []

        def ended() -> bool:
            found, status = os.waitpid(pid, os.WNOHANG)
            done.extend([os.waitstatus_to_exitcode(status)] if found else [])
            return bool(found)

        def shows(text: bytes) -> bool:
            nonlocal seen
            while text not in seen and _readable(terminal):
                seen += os.read(terminal, 4096)
            return text in seen

        try:
            daemon.await_subscriptions(7)
            daemon.send("transcript.partial.mic", final("so"))
            shown(daemon, lambda: shows(b"mic: so\x1b[0m"), "the partial")
            daemon.send("transcript.final.mic", final("So far."))
            place = b"\r\x1b[2K\x1b[36mmic: So far.\x1b[0m\r\n"
            shown(daemon, lambda: shows(place), "the final in its place")
            os.write(terminal, b"\x03")
            until(lambda: shows(b"\x1b[?25h"), SHOWN_S, "the cursor")
            until(ended, SHOWN_S, "the end")
        finally:
            if not done:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(terminal)
        assert done == [130]
        assert b"Traceback" not in seen


def _readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def test_status_as_json_is_the_map(tmp_path: Path) -> None:
    """The same as the op gives, whatever a later daemon adds."""
    status: Body = {"version": "9", "state": "ready", "sources": {}, "mood": "merry"}

    def answer(frames: Frames) -> list[Frames]:
        reply = {"v": 1, "id": unpack(frames[-1])["id"], "ok": True, "result": status}
        return [[frames[0], pack(reply)]]

    with answering(tmp_path / "c", answer) as endpoint:
        done = heardctl("status", "--format", "json", "--endpoint", endpoint)
        assert json.loads(done.stdout) == status
        assert heardctl("status", "--endpoint", endpoint).stdout.startswith("heard 9  ready  up 0:00")


def test_learn_noise_says_what_was_measured_and_whether_it_is_used(tmp_path: Path) -> None:
    """The hint how to use it is no output."""
    asked: list[Body] = []

    def answer(frames: Frames) -> list[Frames]:
        request = unpack(frames[-1])
        asked.append(checked(request["args"], "args", dict))
        result: Body = {
            "noise_dbfs": -52.53,
            "seconds": 3.0,
            "in_force": len(asked) > 1,
            "backends": ["gate"],
        }
        return [[frames[0], pack({"v": 1, "id": request["id"], "ok": True, "result": result})]]

    with answering(tmp_path / "c", answer) as endpoint:
        for hint in (
            "not in use; to use it: heardctl set mic denoise.noise learned (backends: gate)\n",
            "",
        ):
            done = heardctl("learn-noise", "mic", "--seconds", "3", "--endpoint", endpoint)
            assert (done.code, done.stderr) == (0, hint)
            assert done.stdout == "mic: noise at -52.5 dBFS over 3 s\n"
    assert asked == 2 * [{"source": "mic", "seconds": 3.0}]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """Exit code 1: nobody should have to read a traceback to learn that."""
    shell = ["sh", "-c", '"$@" > /dev/full', "sh", *HEARDCTL]
    with answering(tmp_path / "c", _states) as endpoint:
        for command in (("status",), ("mute",), ("status", "--format", "json")):
            done = processes.run([*shell, *command, "--endpoint", endpoint], limit_s=90)
            assert done.code == 1
            assert done.stderr == "heardctl: the output cannot be written: No space left on device\n"


def _states(frames: Frames) -> list[Frames]:
    reply = {"v": 1, "id": unpack(frames[-1])["id"], "ok": True, "result": {"sources": {"mic": "muted"}}}
    return [[frames[0], pack(reply)]]
