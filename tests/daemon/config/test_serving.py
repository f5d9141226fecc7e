"""Which `metrics.endpoint` is right."""

from __future__ import annotations

import pytest

from heard.config.serving import metrics_fault

OWN = ["ipc:///run/heard/control"]


@pytest.mark.parametrize(
    "endpoint",
    ["", "unix:/run/heard/metrics", "http://127.0.0.1:9464", "http://localhost:9464/", "http://[::1]:9464"],
)
def test_right(endpoint: str) -> None:
    """Nowhere, a socket, a port of this machine."""
    assert metrics_fault(endpoint, OWN) == ""


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("http://0.0.0.0:9464", "loopback"),
        ("http://192.168.1.2:9464", "loopback"),
        ("http://heard.example:9464", "loopback"),
        ("https://127.0.0.1:9464", "must be"),
        ("http://127.0.0.1", "PORT"),
        ("http://127.0.0.1:0", "PORT"),
        ("http://127.0.0.1:99999", "PORT"),
        ("http://127.0.0.1:9464/other", "must be"),
        ("9464", "must be"),
        ("unix:metrics", "must be"),
        ("unix:/" + "x" * 200, "must be shorter"),
        ("unix:/run/heard/control", "the daemon's own"),
    ],
)
def test_wrong(endpoint: str, told: str) -> None:
    """The line says what would be right."""
    assert told in metrics_fault(endpoint, OWN)
