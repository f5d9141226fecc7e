"""Tests of `heardctl`."""
