"""Where figures are served, and for whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from heard.metrics.endpoint import Loopback, UnixSocket, is_ours, read


def test_both_forms() -> None:
    """As the configuration has checked them."""
    assert read("unix:/run/heard/metrics") == UnixSocket(Path("/run/heard/metrics"))
    assert read("http://127.0.0.1:9464") == Loopback("127.0.0.1", 9464)
    assert read("http://[::1]:9464/") == Loopback("::1", 9464)


@pytest.mark.parametrize("host", ["localhost", "localhost:9464", "127.0.0.1:9464", "[::1]:9464", "127.0.0.2"])
def test_who_means_this_machine(host: str) -> None:
    """By its usual names."""
    assert is_ours(host)


@pytest.mark.parametrize("host", [None, "", "evil.example", "localhost.evil.example", "10.0.0.1:9464"])
def test_a_page_that_came_by_another_name(host: str | None) -> None:
    """Whose name resolves to 127.0.0.1 for the moment."""
    assert not is_ours(host)
