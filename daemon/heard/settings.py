"""Every setting of the daemon with its default: plain values, checked by `heard.config`.

Frozen dataclasses without a dependency, so that a child process reads them without the machinery
that validates them. The constraints are `annotated_types`, which `heard.config` enforces; the
docstring below a field becomes its description in `heard config schema`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast

from annotated_types import Ge, Le

WORKING_RATE_HZ = 16000
"""The rate at which samples are counted, denoised and sent."""

DEFAULT_MIX = {"deepfilter": 0.5, "gate": 0.3, "gate-fast": 0.3, "noisereduce": 0.3, "off": 0.0}
"""Mix of a backend where none is configured (docs/denoise.md says why)."""

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """The publish socket and the journal."""

    endpoint: str = "ipc://{runtime_dir}/transcripts"
    """Where subscribers connect: ipc://PATH, or tcp://ADDRESS:PORT with [curve]."""
    partials: bool = True
    """Publish the turn so far while it is being spoken."""
    audio: bool = False
    """Publish the denoised audio as well, topic audio.SOURCE."""
    journal: bool = True
    """Keep finals in a SQLite file in state_dir."""
    journal_days: Annotated[int, Ge(0)] = 30
    """Days a final stays in the journal; 0 keeps it for ever."""
    journal_max_mb: Annotated[int, Ge(0)] = 0
    """Megabytes (1,000,000 bytes) that the journal may have; the oldest finals go first; 0: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The control socket."""

    endpoint: str = "ipc://{runtime_dir}/control"
    """Where clients connect: ipc://PATH, or tcp://ADDRESS:PORT with [curve]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The keys that a socket over tcp:// asks for; `heard keygen` makes them."""

    secret_key_file: str = ""
    """File (mode 0600) with the daemon's key pair, NAME.key_secret."""
    allowed_clients_dir: str = ""
    """Folder with the public key, NAME.key, of each client that may connect."""
    server_key_file: str = ""
    """For clients: file with the daemon's public key."""
    client_key_file: str = ""
    """For clients: file (mode 0600) with the client's own key pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Devices, files and the audio that is retained."""

    retention_s: Annotated[float, Ge(1), Le(86400)] = 300
    """Seconds of audio kept per source until settled."""
    spool: Literal["memory", "disk"] = "memory"
    """Where it is kept: disk adds a copy in state_dir, which is there after the machine went down."""
    block_ms: Literal[10, 20, 30, 40] = 20
    """Milliseconds of audio handed over at once."""
    reads: Literal["auto", "callback", "blocking"] = "auto"
    """How a device is read; auto tries callbacks and falls back to blocking reads."""
    stall_ms: Annotated[int, Ge(100), Le(60000)] = 800
    """A device that delivers nothing for so long is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The speech-to-text service."""

    service: Literal["local", "assemblyai"] = "local"
    """local: the recognizer that comes with heard; assemblyai: the service at `url`."""
    url: str = "wss://streaming.assemblyai.com/v3/ws"
    """Any v3 endpoint, also ws://; not used by the local service."""
    api_key_file: str = ""
    """File (mode 0600) with the key; a systemd credential comes before it, $ASSEMBLYAI_API_KEY after."""
    ca_file: str = ""
    """PEM file of certificate authorities to trust instead of the system's."""
    speech_model: str = "u3-rt-pro"
    """The service's model."""
    frame_ms: Annotated[int, Ge(50), Le(1000)] = 50
    """Milliseconds of audio in a message to the service."""
    params: dict[str, Scalar | list[str]] = field(default_factory=dict)
    """Further v3 query parameters, by their names."""
    catch_up: Literal["live-first", "in-order"] = "live-first"
    """After an outage: live audio at once and the backlog beside it, or all in order."""
    rotate_before_s: Annotated[int, Ge(5), Le(3600)] = 90
    """Seconds before a session expires at which it is replaced."""
    idle_close_s: Annotated[float, Ge(0), Le(86400)] = 0
    """Seconds (10 or more) without speech until the session is closed, till somebody speaks; 0: never."""
    sessions_per_minute: Annotated[int, Ge(1), Le(1000)] = 5
    """New sessions that the account allows per minute."""
    connect_timeout_s: Annotated[float, Ge(0.1), Le(60)] = 10
    """Seconds to wait for a connection, and again for the service's Begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognizer:
    """The recognizer that comes with heard."""

    engine: str = "moonshine-tiny"
    """Speech engine, as `heard recognizer --engine` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Figures for Prometheus (extra `metrics`)."""

    endpoint: str = ""
    """"" for none; unix:{runtime_dir}/metrics, or http://127.0.0.1:PORT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denoise:
    """Noise reduction of one source."""

    backend: str = "noisereduce"
    """noisereduce, gate, gate-fast, deepfilter (extra `neural`), or off (bit-exact)."""
    mix: Annotated[float, Ge(0), Le(1)] | None = None
    """0 dry to 1 fully denoised; left out: the backend's own default (deepfilter 0.5, the others 0.3)."""
    noise: str = "tracked"
    """tracked, learned (by `heardctl learn-noise`), or the absolute path of a WAV file of the noise."""
    adaptive: bool = False
    """All of the mix only while there is much noise, none of it on clean speech."""

    @property
    def mix_in_force(self) -> float:
        """The configured mix, else the backend's default."""
        return DEFAULT_MIX.get(self.backend, 0.5) if self.mix is None else self.mix


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One mono audio stream."""

    name: str = "mic"
    """Name of the source: [a-z0-9-]{1,32}."""
    input: Literal["device", "file", "stdin"] = "device"
    """Where the audio comes from."""
    device: str = "default"
    """Name as `heard devices` prints it."""
    path: str = ""
    """For input = "file": anything libsndfile reads."""
    pace: Literal["realtime", "fast"] = "realtime"
    """For a file or stdin: in real time, or as fast as the service allows."""
    loop: bool = False
    """Play a file again from its start when it ends."""
    channel: Annotated[int, Ge(0), Le(64)] = 1
    """1-based channel; 0 mixes all of them."""
    rate_hz: Annotated[int, Ge(0), Le(384000)] = 0
    """Rate asked of the device, or the rate of raw stdin; 0: native (stdin: 16000)."""
    denoise: Denoise = field(default_factory=Denoise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. `runtime_dir` and `state_dir` are absolute once loaded."""

    runtime_dir: str = ""
    """"" is $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/heard, else /run/heard."""
    state_dir: str = ""
    """"" is $STATE_DIRECTORY, else $XDG_STATE_HOME/heard, else /var/lib/heard."""
    exit_when_done: bool = False
    """Leave once every source has ended and its last final is published."""
    socket_group: str = ""
    """Group whose members may connect to the two sockets, too; "" is nobody but the owner."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged."""
    log_format: Literal["text", "json"] = "text"
    """Lines for people and the journal, or one JSON object a line for collectors."""
    publish: Publish = field(default_factory=Publish)
    control: Control = field(default_factory=Control)
    curve: Curve = field(default_factory=Curve)
    capture: Capture = field(default_factory=Capture)
    upstream: Upstream = field(default_factory=Upstream)
    recognizer: Recognizer = field(default_factory=Recognizer)
    metrics: Metrics = field(default_factory=Metrics)
    source: tuple[Source, ...] = (Source(),)

    def by_name(self, name: str) -> Source | None:
        """Return the source called `name`, None where there is none."""
        return next((source for source in self.source if source.name == name), None)


def to_json(settings: Settings) -> str:
    """Return the settings as JSON text, for a child process."""
    return json.dumps(dataclasses.asdict(settings))


def from_json(text: str) -> Settings:
    """Return the settings that `to_json` wrote; they were validated before."""
    top = cast("dict[str, object]", json.loads(text))
    sources = tuple(_source(each) for each in cast("list[dict[str, object]]", top.pop("source")))
    sections: dict[str, object] = {
        name: section(**cast("dict[str, object]", top.pop(name))) for name, section in _SECTIONS.items()
    }
    return Settings(source=sources, **sections, **top)  # type: ignore[arg-type]  # validated before


_SECTIONS = {
    "publish": Publish,
    "control": Control,
    "curve": Curve,
    "capture": Capture,
    "upstream": Upstream,
    "recognizer": Recognizer,
    "metrics": Metrics,
}


def _source(values: dict[str, object]) -> Source:
    denoise = Denoise(**cast("dict[str, object]", values.pop("denoise")))  # type: ignore[arg-type]
    return Source(denoise=denoise, **values)  # type: ignore[arg-type]  # validated before
