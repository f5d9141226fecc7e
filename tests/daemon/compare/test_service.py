"""A v3 service as recognizer: our own on loopback, and one that misbehaves by a script."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from heard.compare.hear import loaded, transcript
from heard.compare.service import Service, ServiceFailedError
from heard.denoise.pcm import Pcm
from heard.settings import Settings, Upstream
from heard.upstream.key import Key

from ...support import processes
from ...support.coded_audio import coded
from ...support.corpus import utterance
from ...support.poll import until
from ...support.v3_server import Plan, v3_server

RATE_HZ = 16_000
LIMIT_S = 110


def numbered(seconds: float) -> Pcm:
    """Return audio of which the scripted server understands every half second."""
    return np.frombuffer(coded(0, round(seconds * RATE_HZ)), "<i2").astype(np.int16)


def settings(url: str, **upstream: object) -> Settings:
    plain = Upstream(service="assemblyai", url=url, sessions_per_minute=100)
    return Settings(upstream=replace(plain, **upstream))  # type: ignore[arg-type]  # the caller knows them


@contextmanager
def recognizer() -> Iterator[str]:
    """Run `heard recognizer`; yield where it listens."""
    argv = [sys.executable, "-m", "heard", "recognizer", "--bind", "127.0.0.1:0"]
    with processes.started(argv, limit_s=LIMIT_S) as child:
        until(lambda: "listening on " in child.printed(), 60, "the recognizer")
        yield child.printed().split("listening on ")[1].split()[0] + "/v3/ws"


def test_our_own_recognizer_hears_the_same_as_a_service() -> None:
    """Word for word what it makes of the recording where it is no service."""
    pcm = utterance("vctk-p226-016").pcm()
    with recognizer() as url:
        said = Service(settings(url), None).transcript(pcm)
    assert said == transcript(loaded("moonshine-tiny"), pcm)
    assert len(said.split()) > 5


def test_every_sample_is_sent_once_at_a_pace_that_the_service_takes() -> None:
    """A session for each recording; its parameters, the key and the rest of a frame too."""
    with v3_server() as server:
        server.key = "secret"
        service = Service(settings(server.url, params={"keyterms_prompt": ["heard"]}), Key("secret"))
        began = time.monotonic()
        assert service.transcript(numbered(3.03)) == "w0 w1 w2 w3 w4"
        assert 1.5 < time.monotonic() - began < 30
        assert service.transcript(numbered(1)) == "w0 w1"
        first, second = server.records
        assert first.samples == list(range(round(3.03 * RATE_HZ)))
        assert first.query["keyterms_prompt"] == '["heard"]'
        assert [each["type"] for each in second.messages] == ["Terminate"]
        assert server.violations == []


def test_a_failure_that_may_pass_is_tried_again() -> None:
    """From the recording's start: nothing of a session that broke counts."""
    with v3_server(Plan(close_at_s=0.5), Plan()) as server:
        assert Service(settings(server.url), None).transcript(numbered(2)) == "w0 w1 w2 w3"
        assert len(server.records) == 2


def test_a_service_that_keeps_failing_is_given_up() -> None:
    """With its own words; nobody is refused."""
    with v3_server(Plan(close_at_s=0.2, close=(1011, "out of order"))) as server:
        with pytest.raises(ServiceFailedError, match="1011: out of order") as failed:
            Service(settings(server.url), None).transcript(numbered(1))
        assert not failed.value.refused
        assert len(server.records) == 3


def test_a_key_that_is_refused_is_not_offered_again() -> None:
    """And not told."""
    with v3_server(Plan(status=401)) as server:
        with pytest.raises(ServiceFailedError, match="401") as failed:
            Service(settings(server.url), Key("stale-secret")).transcript(numbered(1))
        assert failed.value.refused
        assert "stale-secret" not in str(failed.value)
        assert len(server.records) == 1


def test_an_address_where_nobody_listens_is_an_error() -> None:
    """After a few attempts."""
    with pytest.raises(ServiceFailedError, match="Connection refused"):
        Service(settings("ws://127.0.0.1:9/v3/ws"), None).transcript(numbered(1))
