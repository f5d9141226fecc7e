"""What a user gets wrong: one line that says what, where and what would be right; never a traceback."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ..support.corpus import utterance
from ..support.processes import Finished, run
from ..support.v3_server import v3_server
from ..support.wer import word_error_rate
from .running import command, configuration, control, daemon, folder

SPOKEN = "arctic-aew-a0003"


def _heard(*words: str, env: dict[str, str] | None = None, stdin: bytes = b"") -> Finished:
    """Run a `heard` command to its end."""
    return run(command(*words), limit_s=100, env={**os.environ, **(env or {})}, stdin=stdin)


def _one_line(finished: Finished, code: int) -> str:
    """Check that the command failed with `code` and one line; return the line."""
    assert finished.code == code, finished.stderr
    assert "Traceback" not in finished.stderr
    lines = [line for line in finished.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, finished.stderr
    return lines[0]


def test_every_configuration_error_at_once(tmp_path: Path) -> None:
    """Three mistakes, three lines, exit 2; an unknown key gets a suggestion."""
    config = tmp_path / "heard.toml"
    config.write_text("[capture]\nblock_ms = 7\n[upstream]\nframe_mss = 50\n[[source]]\nname = 'No Good'\n")
    finished = _heard("run", "--config", str(config))
    assert finished.code == 2
    assert "Traceback" not in finished.stderr
    text = finished.stderr
    assert "capture.block_ms = 7" in text
    assert "frame_ms" in text
    assert "No Good" in text
    assert len(text.strip().splitlines()) == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """`run` and `transcribe` alike: exit 2 (run) or non-zero, naming the path."""
    with folder() as place:
        config = place / "heard.toml"
        source = {"name": "mic", "input": "file", "path": str(tmp_path / "nowhere.wav")}
        config.write_text(configuration(place, [source]))
        assert "nowhere.wav" in _one_line(_heard("run", "--config", str(config)), 2)
    assert "nowhere.wav" in _one_line(_heard("transcribe", str(tmp_path / "nowhere.wav")), 2)


def test_an_engine_that_there_is_not() -> None:
    """The recognizer's own line is the only one that matters; the daemon ends at once, with 2."""
    with folder() as place:
        config = place / "heard.toml"
        source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path)}
        config.write_text(configuration(place, [source], recognizer={"engine": "nope"}))
        finished = _heard("run", "--config", str(config))
        assert finished.code == 2
        assert finished.stderr.count("must be one of moonshine-tiny") == 1
        assert "Traceback" not in finished.stderr


def test_no_key_for_the_cloud() -> None:
    """Exit 4, and the line says where a key may be."""
    with folder() as place:
        config = place / "heard.toml"
        config.write_text(configuration(place, [], upstream={"service": "assemblyai"}))
        line = _one_line(_heard("run", "--config", str(config), env={"ASSEMBLYAI_API_KEY": ""}), 4)
        assert "ASSEMBLYAI_API_KEY" in line
        assert "api_key_file" in line


def test_a_second_daemon_says_who_has_the_sockets() -> None:
    """Exit 1, naming the process; the first goes on."""
    source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
    with daemon([source]) as heard:
        heard.wait_ready()
        line = _one_line(_heard("run", "--config", str(heard.folder / "heard.toml")), 1)
        assert str(heard.child.pid) in line
        assert heard.status()["state"] == "ready"


def test_heardctl_without_a_daemon() -> None:
    """Exit 3 and one line that says how to start it."""
    with folder() as place:
        for words in (["status"], ["mute"], ["listen"], ["stop"]):
            argv = control(*words, "--endpoint", f"ipc://{place}/control")
            finished = run(argv, limit_s=60)
            assert "heard run" in _one_line(finished, 3), words


@pytest.mark.parametrize("kind", ["empty", "garbage", "directory"])
def test_a_file_that_is_no_audio(kind: str, tmp_path: Path) -> None:
    """Refused in one line that names the file."""
    path = tmp_path / f"{kind}.wav"
    match kind:
        case "empty":
            path.touch()
        case "garbage":
            path.write_bytes(os.urandom(5000))
        case _:
            path.mkdir()
    finished = _heard("transcribe", str(path))
    assert finished.code in (1, 2)
    assert path.name in _one_line(finished, finished.code)


def test_odd_audio_is_transcribed(tmp_path: Path) -> None:
    """24-bit stereo at 44.1 kHz, 8-bit, float with NaN, truncated: the same words."""
    said = utterance(SPOKEN)
    speech = said.samples()
    stretched = np.interp(np.arange(0, speech.size, 16000 / 44100), np.arange(speech.size), speech)
    wide = tmp_path / "wide.wav"
    soundfile.write(wide, np.stack([stretched, stretched * 0.5], axis=1), 44100, subtype="PCM_24")
    bad = speech.copy()
    bad[1000:1010] = np.nan
    holes = tmp_path / "holes.wav"
    soundfile.write(holes, bad, 16000, subtype="FLOAT")
    cut = tmp_path / "cut.wav"
    soundfile.write(cut, speech, 16000, subtype="PCM_16")
    cut.write_bytes(cut.read_bytes()[:-20_001])
    coarse = tmp_path / "coarse.wav"
    soundfile.write(coarse, speech * 3, 16000, subtype="PCM_U8")
    for path in (wide, holes, cut, coarse):
        finished = _heard("transcribe", str(path))
        assert finished.code == 0, (path.name, finished.stderr)
        assert "Traceback" not in finished.stderr
        limit = 0.5 if path is coarse or path is cut else 0.2
        assert word_error_rate([(said.transcript, finished.stdout)]) <= limit, (path.name, finished.stdout)


@pytest.mark.parametrize("samples", [1, 160])
def test_almost_nothing_gives_no_words(samples: int, tmp_path: Path) -> None:
    """A file of one sample ends well, with an empty transcript."""
    path = tmp_path / "short.wav"
    soundfile.write(path, np.full(samples, 0.5), 16000)
    finished = _heard("transcribe", str(path))
    assert (finished.code, finished.stdout.strip()) == (0, ""), finished.stderr


def test_raw_samples_on_stdin() -> None:
    """`input = "stdin"`: raw s16le through a pipe, to the end."""
    said = utterance(SPOKEN)
    with folder() as place:
        config = place / "heard.toml"
        source = {"name": "pipe", "input": "stdin", "pace": "fast"}
        config.write_text(configuration(place, [source], top={"exit_when_done": True}))
        finished = run(
            command("run", "--config", str(config)), limit_s=100, stdin=said.pcm().astype("<i2").tobytes()
        )
        assert finished.code == 0, finished.stderr
        last = (place / "state" / "last-run.json").read_text()
        assert f'"captured": {said.pcm().size}' in last
        assert f'"delivered": {said.pcm().size}' in last


def test_transcribe_formats() -> None:
    """Each format goes to stdout alone; progress stays on stderr."""
    said = utterance(SPOKEN)
    for form, begins in (("text", ""), ("json", ""), ("srt", "1\n"), ("vtt", "WEBVTT\n")):
        finished = _heard("transcribe", str(said.path), "--format", form)
        assert finished.code == 0, finished.stderr
        assert finished.stdout.startswith(begins)
        assert "twentieth" in finished.stdout.lower() or "20th" in finished.stdout


def test_a_key_that_the_service_refuses() -> None:
    """`transcribe` exits 4; `run` stays, says `refused`, keeps the audio and does not hammer."""
    with v3_server() as server:
        server.key = "the right one"
        env = {"ASSEMBLYAI_API_KEY": "canary-key"}
        cloud = ["--set", "upstream.service=assemblyai", "--set", f"upstream.url={server.url}"]
        finished = _heard("transcribe", str(utterance(SPOKEN).path), *cloud, env=env)
        assert "refused" in _one_line(finished, 4)
        assert "canary-key" not in finished.stderr
        before = len(server.records)
        source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
        upstream = {"service": "assemblyai", "url": server.url}
        with daemon([source], env={**os.environ, **env}, upstream=upstream) as heard:
            heard.wait_ready("degraded")
            heard.until(lambda: heard.source("mic")["upstream"]["state"] == "refused", 40, "refused")
            heard.listen(4)
            assert len(server.records) == before + 1, "asked once, then slowly"
            ledger = heard.source("mic")["ledger"]
            assert ledger["pending"] == ledger["captured"] > 0
            server.key = None
            heard.ask("reconnect")
            heard.until(
                lambda: heard.source("mic")["upstream"]["state"] == "open", 40, "open after reconnect"
            )
            for process in heard.status()["processes"].values():
                line = Path(f"/proc/{process['pid']}/cmdline").read_bytes()
                assert b"canary-key" not in line
            assert "canary-key" not in heard.child.complained()


def test_the_key_is_in_the_environment_of_two_processes_alone() -> None:
    """The main process and `upstream`; capture, denoise and publish never see it."""
    with v3_server() as server:
        source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary-key"}
        upstream = {"service": "assemblyai", "url": server.url}
        with daemon([source], env=env, upstream=upstream) as heard:
            heard.wait_ready()
            holders = {
                name
                for name, process in heard.status()["processes"].items()
                if _holds(process["pid"], b"canary-key")
            }
            assert holders == {"supervise", "upstream"}
            assert "canary-key" not in repr(heard.heard)


def _holds(pid: int, key: bytes) -> bool:
    """Say whether a process has the key in its environment; those that have are closed to all but root."""
    try:
        return key in Path(f"/proc/{pid}/environ").read_bytes()
    except PermissionError:
        return True


def test_no_socket_is_open_to_others() -> None:
    """The runtime directory is 0700 and everything in it is for its owner alone; no port is open."""
    source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
    with daemon([source]) as heard:
        heard.wait_ready()
        assert stat.S_IMODE(heard.folder.stat().st_mode) == 0o700
        for path in heard.folder.iterdir():
            if path.name not in ("heard.toml", "state"):
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        listening = [
            line.split()[9]
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]
            if line.split()[3] == "0A"
        ]
        for process in heard.status()["processes"].values():
            links: set[str] = set()
            for link in Path(f"/proc/{process['pid']}/fd").iterdir():
                with suppress(FileNotFoundError):  # closed since it was listed
                    links.add(str(link.readlink()))
            assert links
            assert not {f"socket:[{inode}]" for inode in listening} & links
