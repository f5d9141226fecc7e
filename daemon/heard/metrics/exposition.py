"""Core: figures as Prometheus reads them. The only module that imports prometheus-client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from heard.metrics.families import Family


@dataclass(frozen=True, slots=True, eq=False)
class _Figures(Collector):
    """What a registry asks for the figures of one moment."""

    families: tuple[Family, ...]

    def collect(self) -> Iterator[Metric]:
        return map(_metric, self.families)


def encoded(families: Iterable[Family], accept: str) -> tuple[bytes, str]:
    """Return the figures in the format that the Accept header asks for, and that format's content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(tuple(families)))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _metric(family: Family) -> Metric:
    match family.kind:
        case "counter":
            counter = CounterMetricFamily(family.name, family.text, labels=family.labels)
            for labels, value in family.values:
                counter.add_metric(labels, value)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(family.name, family.text, labels=family.labels)
            for labels, value in family.values:
                gauge.add_metric(labels, value)
            return gauge
        case "info":
            info = InfoMetricFamily(family.name, family.text)
            for labels, _ in family.values:
                info.add_metric((), dict(zip(family.labels, labels, strict=True)))
            return info
        case "summary":
            # The library's own family of that kind knows sums and counts, and no quantiles.
            summary = Metric(family.name, family.text, "summary")
            for labels, value in family.values:
                summary.add_sample(family.name, dict(zip(family.labels, labels, strict=True)), value)
            return summary
