"""What is said of the way to the service."""

from __future__ import annotations

import pytest

from heard.doctor import network
from heard.doctor.finding import State
from heard.doctor.network import Session, Step, Way

HOST = "speech.example"


@pytest.mark.parametrize(
    ("step", "error", "found", "fix"),
    [
        (Step.NAME, "Name or service not known", "does not resolve", f"getent hosts {HOST}"),
        (Step.CONNECT, "Connection refused", "nothing listens there", "upstream.url"),
        (Step.CONNECT, "no answer within 6 s", "no answer", f"nc -vz {HOST} 443"),
        (Step.TLS, "self-signed certificate", "vouches", "upstream.ca_file"),
        (Step.TLS, "unable to get local issuer certificate", "vouches", "ca-certificates"),
        (Step.TLS, "upstream.ca_file /ca.pem: not PEM", "/ca.pem", "a PEM file"),
        (Step.TLS, "certificate has expired", "expired", "timedatectl"),
        (Step.TLS, "certificate is not yet valid", "not yet valid", "timedatectl"),
        (Step.TLS, "WRONG_VERSION_NUMBER", "does not speak TLS", "ws://"),
        (Step.TLS, "Hostname mismatch", "Hostname mismatch", "upstream.url"),
        (Step.PROXY, "Tunnel connection failed: 407", "proxy far:3128: Tunnel", "https_proxy"),
    ],
)
def test_where_it_ends(step: Step, error: str, found: str, fix: str) -> None:
    """Each step has its own fix."""
    proxy = "far:3128" if step is Step.PROXY else ""
    (finding,) = network.network(Way(f"{HOST}:443", HOST, 443, proxy, step=step, error=error))
    assert finding.state is State.FAULT
    assert found in finding.found
    assert fix in finding.fix


def test_a_way_that_is_open() -> None:
    """And a clock that is wrong all the same."""
    way = Way(f"{HOST}:443", HOST, 443, seconds=0.02, tls="TLSv1.3", issuer="Some CA", skew_s=-3600.0)
    well, clock = network.network(way)
    assert well.found == f"{HOST}:443 answers in 20 ms, TLSv1.3, certificate of Some CA"
    assert (clock.check, clock.state) == ("clock", State.WARNING)
    assert "3600 s behind" in clock.found
    assert "timedatectl" in clock.fix


def test_a_session() -> None:
    """Not asked for, open, refused, broken."""
    states = [
        network.session(found)[0].state
        for found in (None, Session(seconds=1), Session("401", refused=True), Session("reset"))
    ]
    assert states == [State.SKIPPED, State.OK, State.FAULT, State.FAULT]
