"""Figures of the running daemon for Prometheus, served by a process of its own."""
