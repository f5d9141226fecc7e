"""Goes the way to the service, step by step, as `upstream` would; and opens a session where asked to."""

from __future__ import annotations

import base64
import email.utils
import http.client
import os
import select
import socket
import ssl
import time
from collections.abc import Mapping
from typing import cast
from urllib.parse import SplitResult, urlsplit

import websocket

from heard.doctor.network import Session, Step, Way
from heard.metrics.endpoint import is_ours
from heard.settings import WORKING_RATE_HZ, Upstream
from heard.upstream import messages
from heard.upstream.backoff import Failure, Verdict, classify
from heard.upstream.connection import Connection, Lost, Target, Text
from heard.upstream.happenings import Close, SendText
from heard.upstream.key import KeyUnusableError, find

TRY_S = 6.0
SESSION_S = 8.0
PORTS = {"ws": 80, "wss": 443}


def way(settings: Upstream) -> Way | None:
    """Resolve, connect, shake hands and ask for the time; None for the local service."""
    if settings.service == "local":
        return None
    url = urlsplit(settings.url)
    host, port = url.hostname or "", url.port or PORTS[url.scheme]
    proxy = _proxy(url)
    nearest, near_port, login = proxy or (host, port, None)
    shown = f"{nearest}:{near_port}" if proxy else ""
    service = f"{host}:{port}"

    def ended(step: Step, error: str | None, **found: object) -> Way:
        return Way(service, nearest, near_port, shown, step=step, error=error, **found)  # type: ignore[arg-type]  # Way's own fields

    try:
        infos = socket.getaddrinfo(nearest, near_port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return ended(Step.NAME, getattr(error, "strerror", None) or str(error))
    addresses = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
    began = time.monotonic()
    try:
        connection = _connection(settings, url.scheme, nearest, near_port)
    except OSError as error:
        return ended(Step.TLS, f"upstream.ca_file {settings.ca_file}: {error.strerror or error}")
    if proxy:
        connection.set_tunnel(host, port, _authorization(login))
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        return ended(Step.TLS, error.verify_message, addresses=addresses)
    except ssl.SSLError as error:
        return ended(Step.TLS, error.reason or str(error), addresses=addresses)
    except TimeoutError:
        return ended(Step.CONNECT, f"no answer within {TRY_S:g} s", addresses=addresses)
    except (OSError, http.client.HTTPException) as error:
        refused = str(error).startswith("Tunnel connection failed")
        text = getattr(error, "strerror", None) or str(error)
        return ended(Step.PROXY if refused else Step.CONNECT, text, addresses=addresses)
    seconds = time.monotonic() - began
    tls, issuer = _secured(connection.sock)
    skew_s = _skew(connection)
    return ended(Step.DONE, None, addresses=addresses, seconds=seconds, tls=tls, issuer=issuer, skew_s=skew_s)


def session(settings: Upstream, environ: Mapping[str, str]) -> Session:
    """Open a session, wait until the service has accepted it, and end it at once."""
    try:
        key = find(settings.api_key_file, environ)
    except KeyUnusableError as error:
        return Session(str(error), refused=True)
    wake = os.eventfd(0, os.EFD_CLOEXEC)
    target = Target(settings.url, ca_file=settings.ca_file, timeout_s=SESSION_S)
    query = messages.query(settings.speech_model, WORKING_RATE_HZ, settings.params)
    began = time.monotonic()
    connection = Connection(target, query, key, wake)
    try:
        # It is woken also by what comes before the outcome.
        while connection.outcome is None:
            left = began + SESSION_S - time.monotonic()
            if left <= 0 or not select.select([wake], [], [], left)[0]:
                return Session(f"no connection within {SESSION_S:g} s")
            os.eventfd_read(wake)
        if isinstance(connection.outcome, Failure):
            return _failed(connection.outcome)
        return _begun(connection, began)
    finally:
        connection.release()
        os.close(wake)


def _begun(connection: Connection, began: float) -> Session:
    while (left := began + SESSION_S - time.monotonic()) > 0:
        select.select([connection.descriptor], [], [], left)
        for incoming in connection.receive():
            if isinstance(incoming, Lost):
                return _failed(incoming.failure)
            if not isinstance(incoming, Text):
                continue
            match messages.read(incoming.data):
                case messages.Begin():
                    seconds = time.monotonic() - began
                    # An orderly end is what stops the billing.
                    connection.perform(SendText(messages.TERMINATE))
                    select.select([connection.descriptor], [], [], 1.0)
                    connection.perform(Close())
                    return Session(seconds=seconds)
                case messages.ServiceError(code, text):
                    return Session(f"{code}: {text}" if code else text, refused=code in (4001, 4002, 4003))
    return Session(f"connected, and no Begin within {SESSION_S:g} s")


def _failed(failure: Failure) -> Session:
    return Session(str(failure), refused=classify(failure) is Verdict.REFUSED)


def _proxy(url: SplitResult) -> tuple[str, int, tuple[str, str] | None] | None:
    """Return host, port and login of the proxy that `upstream` goes through, None for none."""
    if url.scheme == "ws" and is_ours(url.netloc):
        return None
    # The rules of the library that makes the connection, which offers them in no other way.
    info = websocket._url.get_proxy_info(url.hostname or "", url.scheme == "wss")  # noqa: SLF001
    host, port, login = cast("tuple[str | None, int, tuple[str, str] | None]", info)
    return (host, port or 80, login) if host else None


def _authorization(login: tuple[str, str] | None) -> dict[str, str]:
    if login is None:
        return {}
    told = base64.b64encode(":".join(login).encode()).decode()
    return {"Proxy-Authorization": f"Basic {told}"}


def _connection(settings: Upstream, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    if scheme == "ws":
        return http.client.HTTPConnection(host, port, timeout=TRY_S)
    # As websocket-client does: what is named takes the place of what the system trusts.
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    return http.client.HTTPSConnection(host, port, timeout=TRY_S, context=context)


def _secured(sock: socket.socket) -> tuple[str, str]:
    """Return the version of TLS and who vouches for the certificate."""
    if not isinstance(sock, ssl.SSLSocket):
        return "", ""
    certificate = sock.getpeercert() or {}
    issuer: dict[str, str] = {}
    for parts in certificate.get("issuer", ()):
        issuer.update(parts)  # type: ignore[arg-type]  # pairs of names and values
    return sock.version() or "TLS", issuer.get("organizationName") or issuer.get("commonName", "unknown")


def _skew(connection: http.client.HTTPConnection) -> float | None:
    """Return by how much our clock is ahead of the service's; None where it does not tell its time."""
    try:
        connection.request("HEAD", "/", headers={"User-Agent": "heard"})
        told = connection.getresponse().getheader("Date")
        return time.time() - email.utils.parsedate_to_datetime(told).timestamp() if told else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
