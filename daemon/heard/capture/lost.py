"""Core: why an input cannot be heard. Loads nothing: the listener, which is to be quick, needs it first."""

from __future__ import annotations


class InputRefusedError(Exception):
    """The input can never be read as it is configured; the text says why and what would be right."""


class InputLostError(Exception):
    """The input is not there, or stopped delivering; it may come back. The text says what is wrong."""


class MovedError(InputLostError):
    """The input is another one from now on, and can be opened at once."""


DEFAULT = "default"
"""The name of whichever device is the default."""
