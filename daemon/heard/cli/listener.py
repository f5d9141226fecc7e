"""Who listens to the audio of `heard compare`: the recognizer that comes with heard, or a v3 service."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from heard.cli.fail import CREDENTIALS, USAGE, Failure
from heard.compare.hear import loaded, transcript
from heard.compare.run import Hear
from heard.compare.service import Service
from heard.recognizer.errors import StartError
from heard.settings import Settings
from heard.upstream.key import Key, KeyUnusableError, find
from heard.upstream.pace import CATCH_UP

LOCAL: Final = "local"
CLOUD: Final = "assemblyai"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a comparison takes of a service. `must_agree`: the audio would leave this machine."""

    text: str
    must_agree: bool


def listening(settings: Settings, service: str | None) -> Settings:
    """Return the settings with the service that `--service` names; None: as configured.

    Raises:
        Failure: it names none.
    """
    upstream = settings.upstream
    match service:
        case None:
            return settings
        case "local":
            return replace(settings, upstream=replace(upstream, service=LOCAL))
        case "assemblyai":
            return replace(settings, upstream=replace(upstream, service=CLOUD))
        case _ if urlsplit(service).scheme in ("ws", "wss") and urlsplit(service).hostname:
            # As `heard recognizer` prints it, the address has no path.
            url = service if urlsplit(service).path.strip("/") else f"{service.rstrip('/')}/v3/ws"
            return replace(settings, upstream=replace(upstream, service=CLOUD, url=url))
        case _:
            text = (
                f"--service {service!r}: must be {LOCAL}, {CLOUD}, or an address such as ws://127.0.0.1:8765"
            )
            raise Failure(text, USAGE)


def is_local(settings: Settings) -> bool:
    """Say whether the recognizer that comes with heard listens."""
    return settings.upstream.service == LOCAL


def cost_of(settings: Settings, tries: int, seconds: float) -> Cost | None:
    """Return what `tries` settings on so many seconds of audio cost, None where nobody is asked for it."""
    if is_local(settings):
        return None
    url = settings.upstream.url
    minutes = tries * seconds / 60
    abroad = not _on_this_machine(url)
    text = f"{tries} settings of {seconds:.0f} s each are {minutes:.1f} minutes of audio for {url}"
    text += ", which bills the time of its sessions" if abroad else ""
    text += f"; it takes {minutes / CATCH_UP:.1f} minutes at least"
    return Cost(text, abroad)


def recognizer(settings: Settings) -> tuple[str, Hear]:
    """Return the name of who listens, and what makes words of audio.

    Raises:
        Failure: there is no such engine, or no key for the service.
    """
    if is_local(settings):
        try:
            engine = loaded(settings.recognizer.engine)
        except StartError as error:
            raise Failure(str(error), error.exit_code) from None
        return engine.name, partial(transcript, engine)
    service = Service(settings, _key(settings))
    return service.name, service.transcript


def _key(settings: Settings) -> Key | None:
    upstream = settings.upstream
    try:
        return find(upstream.api_key_file, os.environ)
    except KeyUnusableError as error:
        if _on_this_machine(upstream.url) and not upstream.api_key_file:
            return None  # a recognizer on loopback takes anybody
        raise Failure(str(error), CREDENTIALS) from None


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
