"""Core: how far the way to the service goes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heard.doctor.finding import Finding, fault, ok, skipped, warning

CHECK = "network"
MOST_SKEW_S = 60.0
"""A clock that is off by more makes certificates and the times of transcripts doubtful."""


class Step(StrEnum):
    """How far it went."""

    NAME = "name"
    CONNECT = "connect"
    PROXY = "proxy"
    TLS = "tls"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Way:
    """What was found on the way to the service.

    host, port  of the service, or of the proxy where there is one
    step        where it ended; `error` says how, None where it is DONE
    skew_s      by how much this machine's clock is ahead of the service's, None where it did not tell
    """

    service: str
    host: str
    port: int
    proxy: str = ""
    addresses: tuple[str, ...] = ()
    step: Step = Step.DONE
    error: str | None = None
    seconds: float = 0.0
    tls: str = ""
    issuer: str = ""
    skew_s: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What became of a session of the service."""

    error: str | None = None
    refused: bool = False
    seconds: float = 0.0


def network(way: Way | None) -> list[Finding]:
    """Judge the way to the service; None where nothing leaves the machine."""
    if way is None:
        return [skipped(CHECK, 'nothing leaves the machine: upstream.service = "local"')]
    if way.error is not None:
        return [_broken(way)]
    through = f" through the proxy {way.proxy}" if way.proxy else ""
    secured = f", {way.tls}, certificate of {way.issuer}" if way.tls else ", not encrypted"
    answers = f"{way.service} answers in {way.seconds * 1000:.0f} ms{through}{secured}"
    findings = [ok(CHECK, answers)]
    if way.skew_s is not None and abs(way.skew_s) > MOST_SKEW_S:
        behind = "ahead of" if way.skew_s > 0 else "behind"
        off = f"this machine's clock is {abs(way.skew_s):.0f} s {behind} the service's"
        findings.append(warning("clock", off, "timedatectl set-ntp true"))
    return findings


def session(found: Session | None) -> list[Finding]:
    """Judge a real session; None where none was asked for."""
    check = "session"
    if found is None:
        return [skipped(check, "not opened, since it is billed; heard doctor --connect opens one")]
    if found.error is None:
        return [ok(check, f"the service opened a session in {found.seconds:.1f} s; closed again")]
    if found.refused:
        return [fault(check, f"refused: {found.error}", "another key, or the account's page at the service")]
    return [fault(check, found.error, "try again; if it stays so, ask the service with this line")]


_NO_TLS = ("wrong_version", "unexpected_eof", "http_request")
"""How a server that speaks something else answers a handshake."""


def _broken(way: Way) -> Finding:
    where = f"{way.host}:{way.port}"
    match way.step:
        case Step.NAME:
            return fault(
                CHECK,
                f"the name {way.host} does not resolve: {way.error}",
                f"getent hosts {way.host}; see {_setting(way)} and /etc/resolv.conf",
            )
        case Step.CONNECT if "refused" in (way.error or "").lower():
            nothing = f"{where}: nothing listens there: {way.error}"
            return fault(CHECK, nothing, f"correct {_setting(way)}, or start what should listen there")
        case Step.CONNECT:
            return fault(
                CHECK,
                f"{where}: {way.error}",
                f"is there a firewall, or a proxy (https_proxy)? nc -vz {way.host} {way.port}",
            )
        case Step.PROXY:
            return fault(CHECK, f"proxy {way.proxy}: {way.error}", "correct https_proxy, or add to no_proxy")
        case Step.TLS if "upstream.ca_file" in (way.error or ""):
            return fault(CHECK, way.error or "", "it must be a PEM file of certificate authorities")
        case Step.TLS if "self-signed" in (way.error or "") or "local issuer" in (way.error or ""):
            return fault(
                CHECK,
                f"{where}: TLS: {way.error}: nobody that this machine trusts vouches for the certificate",
                'upstream.ca_file = "/path/to/the/ca.pem"; or: apt install --reinstall ca-certificates',
            )
        case Step.TLS if "not yet valid" in (way.error or "") or "expired" in (way.error or ""):
            return fault(CHECK, f"{where}: TLS: {way.error}", "is the clock right? timedatectl set-ntp true")
        case Step.TLS if any(sign in (way.error or "").lower() for sign in _NO_TLS):
            no_tls = f"{where}: it does not speak TLS ({way.error})"
            return fault(CHECK, no_tls, "upstream.url: ws:// instead of wss://, or the right port")
        case Step.TLS:
            return fault(CHECK, f"{where}: TLS: {way.error}", "upstream.url must name the service's host")
        case Step.DONE:
            return fault(CHECK, f"{where}: {way.error}", "upstream.url")


def _setting(way: Way) -> str:
    return "https_proxy" if way.proxy else "upstream.url"
