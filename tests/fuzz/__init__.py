"""Hostile input: what is read from sockets, the service, files and the configuration, given anything at all.

`targets` are the readers with what stands behind them, `inputs` the bytes. The tests here are short;
`make fuzz` (`python -m tests.fuzz`) runs for long and measures memory.
"""
