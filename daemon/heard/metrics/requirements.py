"""Core: whether the package that metrics need is there; does not import it."""

from __future__ import annotations

from importlib.util import find_spec

INSTALL = "pip install 'heard[metrics]'"


def lacking() -> str | None:
    """Return one line that says what is missing and how to install it, None where nothing is."""
    if find_spec("prometheus_client") is not None:
        return None
    return f"metrics.endpoint needs prometheus-client: {INSTALL}"
