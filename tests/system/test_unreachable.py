"""A service that cannot be found, or not be trusted, until somebody puts that right: nothing is lost."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ..support.namespace import seen_by
from ..support.v3_server import v3_server
from .coded import RATE_HZ, check, finish, hearing, recording
from .running import Daemon
from .world import HOSTS, KNOWN, NAME, STRANGER, TRUSTED, looking_up

SECONDS = 14


def _error(heard: Daemon) -> str:
    """Return what the status says, once a session could not be had."""
    heard.until(lambda: heard.source("mic")["upstream"]["state"] == "outage", 10, "an outage")
    heard.listen(2)
    assert heard.source("mic")["state"] == "live"
    return str(heard.source("mic")["upstream"]["error"])


@pytest.mark.slow
def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    """No key and no audio for a stranger; with the right certificate all is sent, every word once."""
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(STRANGER)
    with (
        v3_server(tls=shown) as server,
        hearing(recording(tmp_path, SECONDS), server.url, ca_file=str(TRUSTED)) as heard,
    ):
        error = _error(heard)
        assert "TLS" in error
        assert "upstream.ca_file" in error
        assert server.records == []
        # Of the same kind, so it takes the place of the other for handshakes to come.
        shown.load_cert_chain(TRUSTED)
        check(heard, finish(heard, 60), server, SECONDS * RATE_HZ)
        assert {record.authorization for record in server.records} == {"canary"}


@pytest.mark.slow
def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    """The name appears in the end; until then the error says which name it is that nobody knows."""
    prefix = looking_up(tmp_path, HOSTS)
    with v3_server() as server:
        url = server.url.replace("127.0.0.1", NAME)
        with hearing(recording(tmp_path, SECONDS), url, prefix=prefix) as heard:
            error = _error(heard)
            assert NAME in error
            assert server.records == []
            seen = seen_by(heard.child.pid, Path("/etc/hosts"))
            assert seen.read_text() == HOSTS
            seen.write_text(HOSTS + KNOWN)
            check(heard, finish(heard, 60), server, SECONDS * RATE_HZ)
