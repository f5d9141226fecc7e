"""The checks of `heard doctor`, in the order of its report: each joins a probe to the core that judges."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from heard import __version__
from heard.config import Loaded, start_up_errors
from heard.doctor import daemon, loudness, network, packages, places, secret, service, sound
from heard.doctor.examine import Check
from heard.doctor.finding import Finding, fault, ok, skipped
from heard.doctor.probes import network as reach
from heard.doctor.probes import packages as installed
from heard.doctor.probes import places as located
from heard.doctor.probes import secret as hidden
from heard.doctor.probes import service as units
from heard.doctor.probes import sound as listener
from heard.metrics.requirements import lacking as metrics_lacking
from heard.recognizer.requirements import lacking
from heard.settings import Settings, Source, Upstream
from heard.upstream.key import CREDENTIAL
from heard.wire.codec import Body

QUICK_S = 8.0
LOAD_S = 60.0
"""Loading a model, or waiting for a sound system."""
NETWORK_S = 40.0
SERVICE_S = 15.0

Environ = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for.

    listen_s  for so long each device is listened to; 0: none is opened
    connect   whether to open a session of the service, which is billed
    """

    listen_s: float = 2.0
    connect: bool = False


def without_settings(errors: Sequence[str]) -> list[Check]:
    """Return the checks that need no configuration, where it has errors."""
    told = [fault("config", error, "correct that, then: heard config check") for error in errors]
    rest = "sources, key, network, directories and daemon wait for a configuration that is right"
    return [
        Check("python", QUICK_S, _python),
        Check("config", QUICK_S, lambda: told),
        Check("others", QUICK_S, lambda: [skipped("others", rest)]),
        Check("service", SERVICE_S, lambda: service.service(units.units(), devices=False)),
    ]


def with_settings(loaded: Loaded, environ: Environ, asked: Asked) -> list[Check]:
    """Return all the checks. The control socket is asked at once: a daemon that runs spares the devices."""
    settings = loaded.settings
    answer, status = located.control(settings)
    asked_units = _Units()
    devices = [source for source in settings.source if source.input == "device"]
    checks = [Check("python", QUICK_S, _python), Check("config", QUICK_S, partial(_config, loaded))]
    if answer.holder is None:
        checks += [*_device_checks(devices, environ, asked.listen_s), *_part_checks(settings)]
    elif status is None:
        held = f"process {answer.holder} may have it, and was not heard from"
        checks += [
            Check(f"device {each.name}", QUICK_S, partial(_not_opened, each.name, held)) for each in devices
        ]
    else:
        checks += [
            Check(f"device {each.name}", QUICK_S, partial(_in_daemon, status, each)) for each in devices
        ]
    files = [source for source in settings.source if source.input == "file"]
    checks += [Check(f"file {each.name}", QUICK_S, partial(_file, each)) for each in files]
    checks += [
        Check("key", SERVICE_S, partial(_key, settings.upstream, environ, asked_units)),
        Check("network", NETWORK_S, lambda: network.network(reach.way(settings.upstream))),
    ]
    if settings.upstream.service != "local":
        checks.append(Check("session", NETWORK_S, partial(_session, settings.upstream, environ, asked)))
    checks += [
        Check("runtime_dir", SERVICE_S, partial(_runtime_dir, settings, asked_units)),
        Check("control", QUICK_S, lambda: places.control(answer, __version__)),
        Check("state_dir", SERVICE_S, partial(_state_dir, settings, asked_units)),
        Check("service", SERVICE_S, lambda: service.service(asked_units.found(), devices=bool(devices))),
    ]
    if status is not None:
        checks.append(Check("daemon", QUICK_S, partial(daemon.status, status)))
    return checks


def _python() -> list[Finding]:
    return packages.installation(installed.installation())


def _config(loaded: Loaded) -> list[Finding]:
    # The key and the files of sources have checks of their own, which know more.
    theirs = ("upstream.api_key_file", "source.")
    errors = [each for each in start_up_errors(loaded.settings) if not each.startswith(theirs)]
    if errors:
        return [fault("config", error, "put it there, or correct the path") for error in errors]
    return [ok("config", ", ".join(map(str, loaded.files_read)) or "built-in defaults; there is no file")]


def _in_daemon(status: Body, source: Source) -> list[Finding]:
    return sound.of_daemon(source.name, daemon.source(status, source.name))


def _file(source: Source) -> list[Finding]:
    return sound.file(source, listener.file(source))


def _not_opened(source: str, why: str) -> list[Finding]:
    return [skipped(f"device {source}", why)]


def _key(upstream: Upstream, environ: Environ, asked_units: _Units) -> list[Finding]:
    if upstream.service == "local":
        return secret.key(upstream.service, (), None, None)
    return secret.key(
        upstream.service,
        hidden.places(upstream, environ),
        hidden.key_file(upstream),
        hidden.error(upstream, environ),
        asked_units.credential(),
    )


def _session(upstream: Upstream, environ: Environ, asked: Asked) -> list[Finding]:
    return network.session(reach.session(upstream, environ) if asked.connect else None)


def _runtime_dir(settings: Settings, asked_units: _Units) -> list[Finding]:
    found = located.directory(Path(settings.runtime_dir))
    if places.by_systemd(found) and asked_units.system():
        return [places.will_be_made("runtime_dir", found)]
    return places.runtime_dir(found, settings)


def _state_dir(settings: Settings, asked_units: _Units) -> list[Finding]:
    found = located.directory(Path(settings.state_dir))
    if places.by_systemd(found) and asked_units.system():
        return [places.will_be_made("state_dir", found)]
    return places.state_dir(found, settings)


class _Units:
    """What systemd says, asked once for all."""

    def __init__(self) -> None:
        self._units: tuple[service.Unit, ...] | None = None
        self._asking = threading.Lock()

    def found(self) -> tuple[service.Unit, ...]:
        """Return the units; may take twice `units.ASK_S`."""
        with self._asking:
            if self._units is None:
                self._units = units.units()
            return self._units

    def credential(self) -> secret.Credential | None:
        """Return how a unit gives its service the key, None where none does."""
        for unit in self.found():
            if line := unit.credential(CREDENTIAL):
                missing = service.credential_files(line)[0] if line in unit.absent else ""
                return secret.Credential(line, missing)
        return None

    def system(self) -> bool:
        """Whether heard is installed as a service of the system."""
        return any(unit.scope == "system" and unit.installed for unit in self.found())


class _Inputs:
    """What PortAudio lists, asked once for all; and the devices, opened one after the other.

    Some devices, and some sound cards with several, allow one stream at a time.
    """

    def __init__(self, listen_s: float) -> None:
        self._listen_s = listen_s
        self._listing: sound.Listing | None = None
        self._asking = threading.Lock()
        self._opening = threading.Lock()

    def listing(self) -> sound.Listing:
        """Return the inputs; may take `listener.LIST_S`."""
        with self._asking:
            if self._listing is None:
                self._listing = listener.listing()
            return self._listing

    def judge(self, source: Source) -> list[Finding]:
        """Find the device of a source, open it and listen."""
        device, findings = sound.device(source, self.listing())
        if device is None:
            return findings
        if not self._listen_s:
            return [skipped(f"device {source.name}", f"{device.name!r} is there; not opened")]
        with self._opening:
            outcome, pcm = listener.listen(source, self._listen_s)
        findings = sound.opened(source, device, outcome)
        if outcome.error is None and not outcome.timed_out and (heard := loudness.measure(pcm)):
            findings += loudness.level(source.name, heard, monitor=device.kind == "monitor")
        return findings


def _device_checks(devices: Sequence[Source], environ: Environ, listen_s: float) -> list[Check]:
    if not devices:
        machine = listener.machine(environ)
        return [Check("portaudio", QUICK_S, lambda: sound.portaudio(sound.Listing(), machine, needed=False))]
    inputs = _Inputs(listen_s)

    def library() -> list[Finding]:
        return sound.portaudio(inputs.listing(), listener.machine(environ), needed=True)

    limit_s = listener.LIST_S + len(devices) * (listen_s + listener.OPEN_S) + QUICK_S
    judged = [Check(f"device {source.name}", limit_s, partial(inputs.judge, source)) for source in devices]
    return [Check("portaudio", listener.LIST_S + QUICK_S, library), *judged]


def _part_checks(settings: Settings) -> list[Check]:
    """Return the checks of what the daemon starts beside capture."""
    users: dict[str, list[str]] = {}
    for source in settings.source:
        users.setdefault(source.denoise.backend, []).append(source.name)
    checks = [
        Check(f"denoise {name}", LOAD_S, partial(_backend, name, sources)) for name, sources in users.items()
    ]
    if settings.upstream.service == "local":
        checks.append(Check("recognizer", LOAD_S, partial(_recognizer, settings.recognizer.engine)))
    if settings.metrics.endpoint:
        checks.append(Check("metrics", QUICK_S, lambda: packages.metrics(metrics_lacking())))
    return checks


def _backend(name: str, sources: Sequence[str]) -> list[Finding]:
    return packages.backend(name, sources, installed.backend(name))


def _recognizer(engine: str) -> list[Finding]:
    missing = lacking()
    return packages.recognizer(engine, missing, None if missing else installed.recognizer(engine))
