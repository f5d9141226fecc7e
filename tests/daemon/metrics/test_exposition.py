"""What Prometheus reads, by its own parsers."""

from __future__ import annotations

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families as plain

from heard.metrics.exposition import encoded
from heard.metrics.families import families

from .test_families import status

OPEN = "application/openmetrics-text; version=1.0.0"


def of_open_metrics(text: bytes) -> list[Metric]:
    return list(open_metrics(text.decode()))  # type: ignore[no-untyped-call]  # the library's


def test_both_formats_hold_every_figure() -> None:
    """The old text and OpenMetrics: the same samples, whichever was asked for."""
    given = families(status())
    text, kind = encoded(given, "")
    assert kind.startswith("text/plain")
    read = {(s.name, *sorted(s.labels.items())): s.value for f in plain(text.decode()) for s in f.samples}
    text, kind = encoded(given, OPEN)
    assert kind.startswith("application/openmetrics-text")
    again = {(s.name, *sorted(s.labels.items())): s.value for f in of_open_metrics(text) for s in f.samples}
    assert read == again
    assert len(read) == sum(len(family.values) for family in given)
    assert read[("heard_process_restarts_total", ("process", "denoise"))] == 2.0
    assert read[("heard_source_info", ("device", "/a.wav"), ("input", "file"), ("source", "far"))] == 1.0


def test_families_without_a_value_are_described() -> None:
    """A dashboard finds the name before the first value is there."""
    text = encoded(families(status()), "")[0].decode()
    assert "# TYPE heard_source_level_dbfs gauge" in text
    assert "# TYPE heard_latency_seconds summary" in text


def test_names_of_devices_are_escaped() -> None:
    """Whatever a device is called."""
    body = status()
    body["sources"]["mic"]["device"] = 'Blue "Yeti"\\\nnew'  # type: ignore[index]  # maps
    for accept in ("", OPEN):
        text = encoded(families(body), accept)[0]
        read = of_open_metrics(text) if accept else list(plain(text.decode()))
        devices = {s.labels["device"] for f in read if f.name == "heard_source" for s in f.samples} | {
            s.labels["device"] for f in read if f.name == "heard_source_info" for s in f.samples
        }
        assert 'Blue "Yeti"\\\nnew' in devices
