"""Figures of the running daemon for Prometheus: a process of its own, a client of the control socket."""
