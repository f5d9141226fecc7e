"""heard: a daemon that listens through noise."""

__version__ = "0.1.0"
