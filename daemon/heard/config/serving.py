"""Core: where figures may be served: for this user alone, or on this machine alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from heard.wire.endpoints import ipc_path

FORMS = 'must be "", unix:{runtime_dir}/metrics or http://127.0.0.1:PORT'


def metrics_fault(endpoint: str, taken: Iterable[str]) -> str:
    """Return what is wrong with `metrics.endpoint`, "" where nothing is; `taken` are other endpoints."""
    scheme, _, rest = endpoint.partition(":")
    if scheme == "unix":
        try:
            ipc_path(f"ipc://{rest}")
        except ValueError as error:
            return f"must be shorter: {error}" if "bytes" in str(error) else FORMS
        in_use = f"ipc://{rest}" in taken
        return "is a socket of the daemon's own; must have another name" if in_use else ""
    return _http_fault(endpoint) if endpoint else ""


def _http_fault(endpoint: str) -> str:
    try:
        url = urlsplit(endpoint)
        port, host = url.port, url.hostname or ""
    except ValueError:
        return FORMS
    if url.scheme != "http" or not port or not host or url.path.strip("/") or url.query or url.username:
        return FORMS
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = host == "localhost"
    return "" if near else "must be a loopback address, as http://127.0.0.1:9464: others could read it"
