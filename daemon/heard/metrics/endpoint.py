"""Core: where the figures are served, as `metrics.endpoint` says it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Loopback:
    """A port of this machine, which every user of it can reach."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket file, for this user alone."""

    path: Path


def read(endpoint: str) -> Loopback | UnixSocket:
    """Return what a `metrics.endpoint` that was checked means (`heard.config.checks`)."""
    scheme, _, rest = endpoint.partition(":")
    if scheme == "unix":
        return UnixSocket(Path(rest))
    url = urlsplit(endpoint)
    return Loopback(url.hostname or "", url.port or 0)


def is_ours(host: str | None) -> bool:
    """Whether a request's Host header names this machine, as who means it says it.

    A web page could otherwise read the figures through a name of its own that resolves to 127.0.0.1.
    """
    name = urlsplit(f"//{host or ''}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
