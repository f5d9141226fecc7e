"""A key with a known text goes through every failure there is, and turns up nowhere that it should not."""

from __future__ import annotations

import base64
import os
import resource
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ..support.corpus import utterance
from ..support.parrot import MESSAGES, REFUSALS, Parrot, echo, parrot
from ..support.processes import family
from .running import Daemon, configuration, daemon, folder

CANARY = "canary-9f3c0b/7e51+sings"
SPOKEN = "arctic-aew-a0003"
WAIT_S = 40.0
SOURCE = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
HOLDERS = ("supervise", "upstream")


def traces(text: bytes) -> bool:
    """Say whether the key stands in `text`, as it is or in a coat that anyone could take off."""
    key = CANARY.encode()
    coats = (key, base64.b64encode(key), key.hex().encode(), key.replace(b"/", b"%2F"), key[:14])
    return any(each in text for each in coats)


@contextmanager
def given(way: str) -> Iterator[tuple[Mapping[str, str], Mapping[str, object]]]:
    """Give the key in one of the three ways; yields the environment, and what is configured for it."""
    with folder() as place:
        environ = {name: value for name, value in os.environ.items() if name != "ASSEMBLYAI_API_KEY"}
        path = place / "assemblyai-api-key"
        path.touch(0o600)
        path.write_text(f"{CANARY}\n")
        match way:
            case "environment":
                yield {**environ, "ASSEMBLYAI_API_KEY": CANARY}, {}
            case "file":
                yield environ, {"api_key_file": str(path)}
            case _:
                yield {**environ, "CREDENTIALS_DIRECTORY": str(place)}, {}


def use(heard: Daemon, url: str, **upstream: object) -> None:
    """Let the daemon go to another URL, at once."""
    section = {
        "service": "assemblyai",
        "url": url,
        "connect_timeout_s": 2,
        "sessions_per_minute": 1000,
        **upstream,
    }
    config = heard.folder / "heard.toml"
    config.write_text(configuration(heard.folder, [SOURCE], upstream=section, top={"log_level": "debug"}))
    heard.ask("reload")


def answered(heard: Daemon, service: Parrot, path: str) -> None:
    """Wait until the service has answered at `path`, to the end."""
    heard.until(lambda: path in service.done, WAIT_S, path)


def look_everywhere(heard: Daemon) -> None:
    """Look at all that anyone could see of a running daemon."""
    status = heard.status()
    assert not traces(repr(status).encode())
    assert not traces(repr(heard.heard).encode())
    assert not traces(heard.child.complained().encode())
    assert not traces(heard.child.printed().encode())
    names = {process["pid"]: name for name, process in status["processes"].items()}
    undumped = {name for pid, name in names.items() if resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)}
    assert undumped >= {"upstream"}
    assert {*family(heard.child.pid), heard.child.pid} == set(names)
    for pid, name in names.items():
        assert not traces(Path(f"/proc/{pid}/cmdline").read_bytes()), name
        if os.geteuid() == 0 or name not in HOLDERS:
            assert not traces(Path(f"/proc/{pid}/environ").read_bytes()) or name in HOLDERS, name
    look_at_files(heard)


def look_at_files(heard: Daemon) -> None:
    """Look into every file below the runtime and state directories, rings and journal included."""
    for path in heard.folder.rglob("*"):
        # One that is written anew is renamed, or goes, at any moment.
        with suppress(FileNotFoundError):
            assert not path.is_file() or not traces(path.read_bytes()), path


@pytest.mark.parametrize(
    ("way", "paths"),
    [
        ("environment", ("401-cut", "error", "escaped", "turn", "begin")),
        pytest.param("file", tuple(REFUSALS), marks=pytest.mark.slow),
        pytest.param("credential", tuple(MESSAGES), marks=pytest.mark.slow),
    ],
    ids=["environment", "file", "credential"],
)
def test_a_service_that_repeats_the_key(way: str, paths: tuple[str, ...]) -> None:
    """In refusals, errors, transcripts, names and reasons: masked on arrival, whatever becomes of it."""
    with given(way) as (environ, named), parrot() as service:
        upstream = {
            "service": "assemblyai",
            "url": f"{service.url}/{paths[0]}",
            "sessions_per_minute": 1000,
            **named,
        }
        with daemon([SOURCE], env=environ, upstream=upstream, top={"log_level": "debug"}) as heard:
            for path in paths:
                if path != paths[0]:
                    use(heard, f"{service.url}/{path}", **named)
                answered(heard, service, path)
                if path == "turn":
                    heard.until(lambda: "***" in heard.text(), WAIT_S, "the masked transcript")
            heard.until(lambda: heard.source("mic")["upstream"]["error"], WAIT_S, "the last refusal")
            assert service.keys == {CANARY}
            look_everywhere(heard)
            heard.ask("stop")
            heard.child.wait(WAIT_S)
            assert not traces(heard.child.complained().encode())
            look_at_files(heard)
            assert _open_to_others(heard.folder, {heard.folder / "heard.toml"}) == {}


@pytest.mark.slow
def test_a_network_that_fails_around_the_key(tmp_path: Path) -> None:
    """Nobody there, an echo, TLS to a plain port, a proxy that is none, a name that is none, a wrong file."""
    with given("environment") as (own, _), echo() as url:
        proxy = url.replace("ws", "http").removesuffix("/v3/ws")
        environ = {**own, "https_proxy": proxy, "no_proxy": "127.0.0.1"}
        places = (
            "ws://127.0.0.1:1/v3/ws",
            url,
            url.replace("ws://", "wss://"),
            "wss://v3.invalid/v3/ws",
            "ws://v3.invalid/v3/ws",
        )
        upstream = {"service": "assemblyai", "url": places[0], "connect_timeout_s": 2}
        errors: list[str | None] = [None]

        def another() -> bool:
            errors.append(heard.source("mic")["upstream"]["error"])
            return errors[-1] not in (None, errors[0])

        with daemon([SOURCE], env=environ, upstream=upstream, top={"log_level": "debug"}) as heard:
            heard.wait_ready("degraded")
            for place in places:
                use(heard, place)
                heard.until(another, WAIT_S, f"another error than {errors[0]!r} of {place}")
                errors = [errors[-1]]
            # A key file instead that others can read.
            open_to_all = tmp_path / "key"
            open_to_all.write_text(CANARY)
            open_to_all.chmod(0o644)
            with pytest.raises(LookupError, match="mode 0644") as refused:
                use(heard, places[0], api_key_file=str(open_to_all))
            assert not traces(str(refused.value).encode())
            look_everywhere(heard)


@pytest.mark.slow
def test_every_file_is_for_its_owner_alone() -> None:
    """After a whole run, with everything switched on that writes files: 0600, and 0700 for directories."""
    with daemon([SOURCE], capture={"spool": "disk"}, publish={"audio": True}) as heard:
        # The directory was made by the test, the file in it too.
        own = {heard.folder / "heard.toml"}
        heard.wait_ready()
        heard.until(lambda: heard.bodies("transcript.partial.mic"), WAIT_S, "words")
        heard.ask("learn_noise", source="mic", seconds=0.5)
        running = _open_to_others(heard.folder, own)
        heard.ask("stop")
        assert heard.child.wait(WAIT_S) == 0
        assert running == _open_to_others(heard.folder, own) == {}
        names = {path.name for path in heard.folder.rglob("*")}
        assert names >= {"last-run.json", "journal.sqlite3", "noise", "mic.wav", "run.msgpack", "heard.lock"}


def _open_to_others(place: Path, own: set[Path]) -> dict[Path, str]:
    """Return what others than the owner may do anything with."""
    return {
        path: f"{mode:04o}"
        for path in place.rglob("*")
        if path not in own and (mode := stat.S_IMODE(path.lstat().st_mode)) & 0o077
    }
