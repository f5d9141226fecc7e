"""Figures for Prometheus, scraped from a real daemon, and the dashboard and documents that name them."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..daemon.metrics.test_server import Unix
from ..support.poll import until
from ..support.processes import run
from .examined import FILE
from .running import Daemon, command, configuration, daemon, folder

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"\bheard_[a-z_]+")
LOOPING = {**FILE, "loop": True}
WAIT_S = 40

Samples = dict[tuple[str, ...], float]


def scraped(connection: http.client.HTTPConnection) -> tuple[set[str], Samples]:
    """Return the names of all metrics, and the samples by name and the values of their labels.

    Neither where the process knows nothing that is new enough.
    """
    connection.request("GET", "/metrics")
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    if reply.status == 503:
        return set(), {}
    assert reply.status == 200, text
    names: set[str] = set()
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        names |= {family.name + "_total"} if family.type == "counter" else {family.name}
        for sample in family.samples:
            samples[(sample.name, *(value for _, value in sorted(sample.labels.items())))] = sample.value
    return names, samples


def sample(heard: Daemon, *labelled: str) -> float:
    """Return one sample of a new scrape, less than any where there is none."""
    return scraped(Unix(heard.folder / "metrics"))[1].get(labelled, -1.0)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_a_scrape_of_a_daemon() -> None:
    """As its status says; it grows; a restarted process counts; the dashboard names nothing else.

    The process that serves is like the others: it is in the status, and killed it comes back.
    """
    metrics = {"endpoint": "unix:{runtime_dir}/metrics"}
    with daemon([LOOPING], metrics=metrics) as heard:
        heard.wait_ready()
        # It is told of the status behind who listens to the messages.
        heard.until(lambda: sample(heard, "heard_state", "ready") == 1.0, WAIT_S, "ready")
        names, before = scraped(Unix(heard.folder / "metrics"))
        assert before[("heard_state", "ready")] == 1.0
        assert before[("heard_source_state", "mic", "live")] == 1.0
        assert before[("heard_process_restarts_total", "metrics")] == 0.0
        status = heard.status()
        assert before[("heard_info", "1", status["run"], status["version"])] == 1.0
        captured = before[("heard_captured_samples_total", "mic")]
        heard.until(
            lambda: sample(heard, "heard_captured_samples_total", "mic") > captured, WAIT_S, "more samples"
        )
        heard.until(
            lambda: heard.status()["processes"]["metrics"]["counters"]["scrapes"] >= 2, WAIT_S, "the count"
        )

        board = json.loads((DOCS / "grafana-heard.json").read_text(encoding="utf-8"))
        asked = {
            name
            for panel in board["panels"]
            for target in panel.get("targets", ())
            for name in NAME.findall(target["expr"])
        }
        asked |= {name for each in board["templating"]["list"] for name in NAME.findall(str(each["query"]))}
        assert len(asked) > 20
        assert asked <= names
        section = (DOCS / "operations.md").read_text(encoding="utf-8").partition("\n## Metrics\n")[2]
        told = set(NAME.findall(section.partition("\n## ")[0]))
        assert told == names, "docs/operations.md lists every metric, and no other"

        os.kill(status["processes"]["metrics"]["pid"], signal.SIGKILL)

        def again() -> bool:
            try:
                return sample(heard, "heard_process_restarts_total", "metrics") == 1.0
            except OSError:
                return False

        heard.until(again, WAIT_S, "the process that serves, again")


@pytest.mark.slow
def test_a_port_that_is_taken_hurts_nobody() -> None:
    """It is a fault in the status, which is over once the port is free; the audio flows meanwhile."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as taken:
        metrics = {"endpoint": f"http://127.0.0.1:{port}"}
        with daemon([LOOPING], metrics=metrics) as heard:
            heard.wait_ready("degraded")
            (fault,) = heard.status()["faults"]
            assert (fault["process"], fault["what"]) == ("metrics", "metrics")
            assert f"127.0.0.1:{port}: Address already in use" in fault["detail"]
            assert heard.source("mic")["state"] == "live"
            assert heard.status()["processes"]["metrics"]["restarts"] == 0
            taken.close()
            heard.until(lambda: not heard.status()["faults"], 10, "the end of the fault")
            heard.until(
                lambda: scraped(http.client.HTTPConnection("127.0.0.1", port, timeout=5))[0],
                WAIT_S,
                "figures",
            )
            assert heard.child.terminate() == 0


@pytest.mark.slow
def test_figures_that_are_old_are_not_served() -> None:
    """503 while the main process hangs: a scraper must not take the past for the present."""
    metrics = {"endpoint": "unix:{runtime_dir}/metrics"}
    with daemon([LOOPING], metrics=metrics) as heard:
        heard.wait_ready()
        heard.child.signal(signal.SIGSTOP)

        def refused() -> bool:
            connection = Unix(heard.folder / "metrics")
            connection.request("GET", "/metrics")
            reply = connection.getresponse()
            told = reply.read().decode()
            connection.close()
            return reply.status == 503 and "has not said how it is" in told

        until(refused, 15, "a refusal")


def test_what_is_refused_at_the_start(tmp_path: Path) -> None:
    """An address that others could reach, and a package that is not installed: one line each."""
    hidden = (
        "from importlib.machinery import PathFinder\nreal = PathFinder.find_spec\n"
        "PathFinder.find_spec = lambda n, *more: None if n == 'prometheus_client' else real(n, *more)\n"
    )
    (tmp_path / "sitecustomize.py").write_text(hidden)
    for endpoint, code, told in (
        ("http://0.0.0.0:9464", 2, "metrics.endpoint"),
        ("http://127.0.0.1:9464", 1, "pip install 'heard[metrics]'"),
    ):
        with folder() as place:
            config = place / "heard.toml"
            config.write_text(configuration(place, [FILE], metrics={"endpoint": endpoint}))
            env = {**os.environ, "PYTHONPATH": str(tmp_path)}
            finished = run(command("run", "--config", str(config)), limit_s=60, env=env)
        assert finished.code == code, finished.stderr
        assert told in finished.stderr
        assert len(finished.stderr.strip().splitlines()) == 1
