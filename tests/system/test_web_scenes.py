"""The live page in a browser while things go wrong, and for who needs a token."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest
from selenium.webdriver import Keys

from heard import demo

from ..support.browser import browser
from ..support.poll import until
from ..support.v3_server import v3_server
from .coded import hearing, recording
from .page import PICTURES, at_page, server
from .running import Daemon, daemon, folder

pytestmark = pytest.mark.slow

WAIT_S = 40
SOURCE = {"name": "mic", "input": "file", "path": str(demo.recording()), "pace": "realtime", "loop": True}
HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=document.title='owned'>",
    "</li></ol><h1>owned</h1>",
    "{{7*7}}&amp;\u202ereversed",
    "javascript:document.title='owned'",
)


def test_hostile_text_is_shown_as_it_was_said(tmp_path: Path) -> None:
    """As a partial, a caption and a find; nothing of it becomes a part of the page."""
    with v3_server() as service:
        service.text = lambda word: HOSTILE[word % len(HOSTILE)]
        with (
            hearing(recording(tmp_path, 60), service.url, exit_when_done=False) as heard,
            at_page(heard) as page,
        ):
            elements = "return [...document.querySelectorAll('#finals li *')].map((each) => each.tagName)"
            until(lambda: "<script>" in page.text("#partials .text"), WAIT_S, "a partial")
            heard.until(lambda: len(heard.finals()) > 2, WAIT_S, "finals")
            for number, final in enumerate(heard.finals()[:2], 1):
                page.until_text(f"#finals li:nth-child({number}) .text", final["text"])
                assert all(text in final["text"] for text in HOSTILE)
            assert set(page.run(elements)) == {"DIV", "TIME", "SPAN", "P"}  # type: ignore[call-overload]
            page.find("#words").send_keys("owned", Keys.ENTER)
            page.until_text("#found li p", HOSTILE[0])
            page.screenshot(PICTURES / "hostile.png")
            assert page.driver.title == "heard"
            assert page.all("main h1, main img, main script") == []
            assert page.complaints() == []


def test_a_restart_of_the_daemon_is_told_and_over_by_itself() -> None:
    """The page says that heard is not running, keeps what was said, and goes on with the next run."""
    with folder() as place, server(place) as (_, url), browser() as page:
        page.open(url)
        page.until_text("#state", "not running", WAIT_S)
        page.until_text("#faults", "heard is not running")
        with daemon([SOURCE], place=place):
            page.until_text("#state", "ready", WAIT_S)
            until(lambda: page.text("#finals .text"), WAIT_S, "a caption")
            assert not page.find("#faults").is_displayed()
            said = page.text("#finals")
        page.until_text("#state", "not running", WAIT_S)
        page.until_text(".source .pill", "gone")
        page.screenshot(PICTURES / "gone.png")
        assert said in page.text("#finals")
        with daemon([SOURCE], place=place):
            page.until_text("#state", "ready", WAIT_S)
            first = len(page.all("#finals li"))
            until(lambda: len(page.all("#finals li")) > first, WAIT_S, "the next run's captions")
            assert page.text("#finals").startswith(said)
        assert page.complaints() == []


def test_a_restart_of_the_pages_server_is_over_by_itself() -> None:
    """The browser comes again; every caption stands there once."""
    with daemon([SOURCE], limit_s=150) as heard, browser() as page:
        with server(heard.folder) as (child, url):
            page.open(url)
            until(lambda: page.text("#finals .text"), WAIT_S, "a caption")
            port = url.rpartition(":")[2]
            child.signal(15)
            until(lambda: not child.running, WAIT_S, "the server to end")
            assert child.code == 0
        page.until_text("#faults", "does not answer", WAIT_S)
        with server(heard.folder, "--bind", f"127.0.0.1:{port}"):
            page.until_text("#state", "ready", WAIT_S)
            count = len(page.all("#finals li"))
            until(lambda: len(page.all("#finals li")) > count, WAIT_S, "the next caption")
            finals = "return [...document.querySelectorAll('#finals li')]"
            turns = page.run(f"{finals}.map((li) => li.dataset.turn)")
            assert isinstance(turns, list)
            assert len(turns) == len(set(turns))


def test_who_needs_a_token_logs_in_once(tmp_path: Path) -> None:
    """A wrong token is refused, the right one remembered; nothing is shown before."""
    token = tmp_path / "token"
    token.write_text(secrets.token_hex(16), encoding="utf-8")
    token.chmod(0o600)
    options = ("--token-file", str(token))
    with daemon([SOURCE]) as heard, server(heard.folder, *options) as (_, url), browser() as page:
        page.open(url)
        page.screenshot(PICTURES / "login.png")
        page.find("#token").send_keys("wrong-wrong-wrong-wrong", Keys.ENTER)
        page.until_text("[role=alert]", "not the token")
        page.find("#token").send_keys(token.read_text(encoding="utf-8"), Keys.ENTER)
        page.until_text("#state", "ready", WAIT_S)
        until(lambda: page.text("#finals .text"), WAIT_S, "a caption")
        page.driver.refresh()
        page.until_text("#state", "ready", WAIT_S)
        assert token.read_text(encoding="utf-8") not in str(page.driver.get_cookies())
        assert page.run("return document.cookie") == ""


def test_spectra_end_when_nobody_looks() -> None:
    """Nobody has to switch them off; a page that stood behind another one catches up."""
    with daemon([SOURCE], limit_s=200) as heard, server(heard.folder, limit_s=190) as (_, url):
        heard.wait_ready()
        heard.listen(1.0)
        assert heard.bodies("spectrum.") == []
        with browser() as page:
            page.open(url)
            heard.until(lambda: len(heard.bodies("spectrum.")) > 20, WAIT_S, "spectra")
            first = page.driver.current_window_handle
            page.driver.switch_to.new_window("tab")
            _until_quiet(heard)
            said = heard.finals()[-1]["text"]
            assert len(page.driver.window_handles) == 2
            page.driver.switch_to.window(first)
            page.until_text("#finals", said)
            count = len(heard.bodies("spectrum."))
            heard.until(lambda: len(heard.bodies("spectrum.")) > count + 20, WAIT_S, "spectra")
        heard.listen(17.0)
        count = len(heard.bodies("spectrum."))
        heard.listen(3.0)
        assert len(heard.bodies("spectrum.")) == count


def _until_quiet(heard: Daemon) -> None:
    """Wait until no spectrum has come for two seconds."""
    deadline = time.monotonic() + 60
    count = -1
    while count != (count := len(heard.bodies("spectrum."))):
        assert time.monotonic() < deadline, "spectra go on"
        heard.listen(2.0)


def test_a_caption_that_comes_late_stands_where_it_was_said(tmp_path: Path) -> None:
    """Times on the page ascend, though an outage's words come behind newer ones."""
    from ..support.proxy import proxy  # noqa: PLC0415

    with (
        v3_server() as service,
        proxy(service.url) as net,
        hearing(recording(tmp_path, 90), net.through(service.url), exit_when_done=False) as heard,
        at_page(heard) as page,
    ):
        heard.until(heard.finals, WAIT_S, "a final")
        net.refuse()
        net.cut()
        # The outage: longer than what is caught up in order, so that it is caught up beside the live audio.
        time.sleep(5)
        page.until_text("#faults", "speech service", WAIT_S)
        page.screenshot(PICTURES / "outage.png")
        net.heal()
        heard.until(lambda: any(final["backfill"] for final in heard.finals()), WAIT_S, "a backfill")
        late = next(final for final in heard.finals() if final["backfill"])
        page.until_text("#finals", late["text"], WAIT_S)
        starts = page.run("return [...document.querySelectorAll('#finals li')].map((li) => li.start)")
        assert isinstance(starts, list)
        assert starts == sorted(starts)
        page.until_text("#finals", "caught up")
